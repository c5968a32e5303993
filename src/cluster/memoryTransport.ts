import { internal } from '../graph/errors.ts';
import type { Transport } from './transport.ts';

/** A collective that not all have come to yet. */
interface Meeting {
  readonly kind: string;
  readonly sent: (Uint8Array | undefined)[];
  readonly come: boolean[];
  readonly whole: Promise<void>;
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}

/** Ranks of one process: parts of one program that take turns, as tests and several trainings in one process are. */
export function memoryTransports(size: number): readonly Transport[] {
  const meetings = new Map<number, Meeting>();
  const notes: (Uint8Array | undefined)[] = Array.from({ length: size }, () => undefined);
  let ended: Error | undefined;
  const meet = (kind: string, number: number): Meeting => {
    const known = meetings.get(number);
    if (known) return known;
    let [end, fail] = [(): void => undefined, (_: Error): void => undefined];
    const whole = new Promise<void>((resolve, reject) => ([end, fail] = [resolve, reject]));
    // Who waits is told.
    whole.catch(() => undefined);
    const fresh: Meeting = { kind, sent: [], come: [], whole, end, fail };
    meetings.set(number, fresh);
    return fresh;
  };
  const abort = (status: number): void => {
    ended ??= new Error(`the job was ended with status ${status}`);
    for (const { fail } of meetings.values()) fail(ended);
  };
  const open = (rank: number): Transport => {
    let number = 0;
    const come = async (kind: string, send: Uint8Array | undefined): Promise<readonly (Uint8Array | undefined)[]> => {
      if (ended) throw ended;
      const meeting = meet(kind, number++);
      if (meeting.kind !== kind) throw internal(`rank ${rank}: ${kind} where others are at ${meeting.kind}`);
      // A copy: the sender may write into its memory again before the last one has come.
      meeting.sent[rank] = send?.slice();
      meeting.come[rank] = true;
      if (meeting.come.filter(Boolean).length === size) meeting.end();
      await meeting.whole;
      return meeting.sent;
    };
    return {
      ...{ name: 'memory', rank, size, abort },
      memory: (bytes) => new Uint8Array(bytes),
      alltoall: async (send, into) => {
        const length = send.length / size;
        const sent = await come(`alltoall of ${send.length}`, send);
        for (const [i, bytes] of sent.entries())
          into.set(bytes!.subarray(rank * length, (rank + 1) * length), i * length);
      },
      allgather: async (send, into) => {
        const sent = await come(`allgather of ${send.length}`, send);
        for (const [i, bytes] of sent.entries()) into.set(bytes!, i * send.length);
      },
      broadcast: async (bytes, root) => {
        const sent = await come(`broadcast of ${bytes.length} from ${root}`, rank === root ? bytes : undefined);
        if (rank !== root) bytes.set(sent[root]!);
      },
      barrier: async () => void (await come('barrier', undefined)),
      post: (note) => {
        notes[rank] = note.slice();
      },
      posted: (from) => notes[from],
      calm: () => undefined,
      close: async () => undefined,
    };
  };
  return Array.from({ length: size }, (_, rank) => open(rank));
}
