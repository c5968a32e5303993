import { isDone, type Mpi } from './mpiCallsNode.ts';
import { NOTE_BYTES } from './transport.ts';

const TAG = 7;

/** Short messages beside the collectives: one is always waited for from each other rank, and asked after when it is read. */
export class Notes {
  readonly #mpi: Mpi;
  readonly #rank: number;
  readonly #size: number;
  readonly #awaited: { readonly bytes: Uint8Array; readonly request: Buffer }[] = [];
  readonly #last: (Uint8Array | undefined)[] = [];
  /** Memory that is on its way; notes are rare, and a library may take its time. */
  readonly #sent: { readonly bytes: Uint8Array; readonly request: Buffer }[] = [];

  constructor(mpi: Mpi, rank: number, size: number) {
    this.#mpi = mpi;
    this.#rank = rank;
    this.#size = size;
    for (let from = 0; from < size; from++) {
      this.#awaited.push({ bytes: new Uint8Array(NOTE_BYTES), request: Buffer.alloc(8) });
      if (from !== rank) this.#await(from);
    }
  }

  post(note: Uint8Array): void {
    const { calls, world, byte } = this.#mpi;
    for (let to = 0; to < this.#size; to++) {
      if (to === this.#rank) continue;
      const message = { bytes: new Uint8Array(NOTE_BYTES), request: Buffer.alloc(8) };
      message.bytes.set(note.subarray(0, NOTE_BYTES));
      calls.Isend(message.bytes, NOTE_BYTES, byte, to, TAG, world, message.request);
      this.#sent.push(message);
    }
  }

  posted(from: number): Uint8Array | undefined {
    if (from === this.#rank) return undefined;
    const { calls, ignore } = this.#mpi;
    const { bytes, request } = this.#awaited[from]!;
    while (isDone(calls, request, ignore)) {
      this.#last[from] = bytes.slice();
      this.#await(from);
    }
    return this.#last[from];
  }

  close(): void {
    const { calls, ignore } = this.#mpi;
    for (const { request } of this.#sent) isDone(calls, request, ignore);
    for (const [from, { request }] of this.#awaited.entries()) {
      if (from === this.#rank) continue;
      calls.Cancel(request);
      calls.Request_free(request);
    }
  }

  #await(from: number): void {
    const { calls, world, byte } = this.#mpi;
    const { bytes, request } = this.#awaited[from]!;
    calls.Irecv(bytes, NOTE_BYTES, byte, from, TAG, world, request);
  }
}
