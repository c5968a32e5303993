import { describe, expect, it } from 'vitest';
import { brokenPromises } from './contract.ts';
import { memoryTransports } from './memoryTransport.ts';
import { aloneTransport, type Transport } from './transport.ts';

const everyone = <T>(ranks: readonly Transport[], act: (transport: Transport) => Promise<T>): Promise<T[]> =>
  Promise.all(ranks.map(act));

describe.each([1, 2, 3, 5])('%i ranks in memory', (size) => {
  it('keep what a transport promises', async () => {
    expect(await everyone(memoryTransports(size), brokenPromises)).toEqual(Array.from({ length: size }, () => []));
  });
});

it('a process alone keeps it too', async () => {
  expect(await brokenPromises(aloneTransport())).toEqual([]);
});

it('the contract finds slices that come from the wrong rank, and notes that are lost', async () => {
  const swapped = memoryTransports(3).map(
    (transport): Transport => ({
      ...transport,
      alltoall: async (send, into) => {
        await transport.alltoall(send, into);
        into.reverse();
      },
      post: () => undefined,
    }),
  );
  const [first] = await everyone(swapped, brokenPromises);
  expect(first).toEqual(['alltoall gives each rank its slice of everyone', 'a note reaches all others']);
});

it('a rank that comes with another collective is told, and an abort ends who waits', async () => {
  const [a, b] = memoryTransports(2);
  const waits = a!.barrier();
  await expect(b!.allgather(new Uint8Array(1), new Uint8Array(2))).rejects.toThrow('internal: rank 1: allgather of 1');
  b!.abort(3);
  await expect(waits).rejects.toThrow('ended with status 3');
});

it('nobody leaves a barrier before all have come', async () => {
  const left: number[] = [];
  const [a, b, c] = memoryTransports(3);
  const waits = [a!, b!].map((transport) => transport.barrier().then(() => left.push(transport.rank)));
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(left).toEqual([]);
  await c!.barrier();
  await Promise.all(waits);
  expect(left).toHaveLength(2);
});
