import type { Transport } from './transport.ts';

/** What every transport promises, each as a check that all ranks make at once; small, so that a job makes them when it begins. */
export const CONTRACT: Readonly<Record<string, (transport: Transport) => Promise<boolean>>> = {
  'alltoall gives each rank its slice of everyone': async (transport) => {
    const { rank, size } = transport;
    const [send, into] = [new Uint8Array(2 * size), new Uint8Array(2 * size)];
    for (let to = 0; to < size; to++) send.set([rank, to], 2 * to);
    await transport.alltoall(send, into);
    return allOf(size, (from) => into[2 * from] === from % 256 && into[2 * from + 1] === rank % 256);
  },
  'allgather gives everyone all, in their order': async (transport) => {
    const into = new Uint8Array(3 * transport.size);
    await transport.allgather(new Uint8Array(3).fill(transport.rank + 1), into);
    return into.every((value, i) => value === (Math.floor(i / 3) + 1) % 256);
  },
  'broadcast gives everyone the bytes of the root, whichever it is': async (transport) => {
    for (const root of new Set([0, transport.size - 1])) {
      const bytes = new Uint8Array(5).fill(transport.rank === root ? 40 + (root % 100) : 0);
      await transport.broadcast(bytes, root);
      if (bytes.some((value) => value !== 40 + (root % 100))) return false;
    }
    return true;
  },
  'a note reaches all others': async (transport) => {
    const { rank, size } = transport;
    transport.post(Uint8Array.of(rank + 1));
    await transport.barrier();
    const others = Array.from({ length: size }, (_, from) => from).filter((from) => from !== rank);
    // It goes beside the collectives, and may come after them.
    for (let i = 0; i < 1e5 && !others.every((from) => transport.posted(from)); i++) await Promise.resolve();
    return others.every((from) => transport.posted(from)?.[0] === (from + 1) % 256);
  },
  'what has been sent may be written over': async (transport) => {
    const { rank, size } = transport;
    const [send, into] = [new Uint8Array(1), new Uint8Array(size)];
    for (let round = 0; round < 3; round++) {
      send[0] = rank + round;
      await transport.allgather(send, into);
      if (into.some((value, from) => value !== (from + round) % 256)) return false;
    }
    return true;
  },
};

/** What a transport does not keep of what it promises; none of a good one. All ranks call it. */
export async function brokenPromises(transport: Transport): Promise<string[]> {
  const broken: string[] = [];
  for (const [promise, holds] of Object.entries(CONTRACT)) if (!(await holds(transport))) broken.push(promise);
  return broken;
}

const allOf = (count: number, holds: (i: number) => boolean): boolean =>
  Array.from({ length: count }, (_, i) => holds(i)).every(Boolean);
