import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { memoryTransports } from './memoryTransport.ts';
import { watchRanks } from './watchNode.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Three ranks that are named after 4 s, and end after 10. */
function three() {
  const said: string[] = [];
  const watches = memoryTransports(3).map((transport) =>
    watchRanks({
      ...{ transport, hosts: ['a', 'b', 'c'], lateSeconds: 4, limitSeconds: 10 },
      tell: (message) => void said.push(`${transport.rank}: ${message}`),
      end: (message) => void said.push(`${transport.rank} ends: ${message}`),
    }),
  );
  return { said, watches };
}

it('a rank that stands still is named, alone, although another waits one collective before the rest; then the job ends', () => {
  const { said, watches } = three();
  watches[0]!.waits(8, 'step 3: whether to save');
  watches[2]!.waits(7, 'step 3: the sums of the gradients');
  vi.advanceTimersByTime(9000);
  expect(said).toEqual([
    '0: rank 1 on b is late: the others wait since 6 s at "step 3: whether to save"; the job ends after 10 s',
  ]);
  vi.advanceTimersByTime(2000);
  expect(said[1]).toBe(
    '0 ends: rank 1 on b is late: the others wait since 11 s at "step 3: whether to save", which is the limit',
  );
});

it('a rank that has waited and goes on is late like any other', () => {
  const { said, watches } = three();
  const ends = [0, 2].map((rank) => watches[rank]!.waits(1, 'one'));
  vi.advanceTimersByTime(7000);
  for (const end of ends) end();
  expect(said.splice(0)).toEqual([
    '0: rank 1 on b is late: the others wait since 6 s at "one"; the job ends after 10 s',
    '0: all ranks have come to "one" after 7.0 s',
  ]);
  // Now rank 2 computes for long, which the others wait for.
  for (const rank of [0, 1]) watches[rank]!.waits(2, 'two');
  vi.advanceTimersByTime(7000);
  expect(said).toEqual(['0: rank 2 on c is late: the others wait since 6 s at "two"; the job ends after 10 s']);
});

it('nobody is named where all wait: the network is at fault', () => {
  const { said, watches } = three();
  for (const watch of watches) watch.waits(1, 'one');
  vi.advanceTimersByTime(7000);
  expect(said).toEqual([
    '0: all ranks wait since 6 s at "one", so the network between them is at fault; the job ends after 10 s',
  ]);
});
