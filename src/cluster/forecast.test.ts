import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { forecastUpdate, type Link, mostThatPay } from './forecast.ts';
import { memoryTransports } from './memoryTransport.ts';
import { OrderedSum, microsOf } from './orderedSum.ts';
import { Ranks } from './ranks.ts';
import { BLOCK, WIRES } from './wire.ts';

const GIGABIT: Link = { bytesPerSecond: 125e6, latency: 50e-6 };
/** DeiT-Ti: 5.7 million parameters. */
const TINY = { micro: 0.5, accumulate: 8, parameters: 5.7e6 };

describe('an update on several ranks', () => {
  it('takes, by hand, what its rounds and its bytes take', () => {
    // 7/8 of 22.8 MB are 19.95 MB: 0.1596 s on 1 Gb/s, and 7 messages of 50 us. One round, its exchange, the gathering.
    const eight = forecastUpdate(TINY, 8, GIGABIT);
    expect(eight.seconds).toBeCloseTo(0.5 + 2 * (0.1596 + 0.00035), 9);
    expect(eight.bytes).toBeCloseTo(2 * 19.95e6, 3);
    expect(eight.speedUp).toBeCloseTo(4 / 0.8199, 6);
    // Four rounds on two ranks: three exchanges are shorter than a micro-batch and hidden behind it.
    const two = forecastUpdate(TINY, 2, GIGABIT);
    expect(two.seconds).toBeCloseTo(4 * 0.5 + 2 * (11.4e6 / 125e6 + 50e-6), 9);
    // On a tenth of the link they are not.
    const slow = forecastUpdate(TINY, 2, { bytesPerSecond: 12.5e6, latency: 0 });
    expect(slow.seconds).toBeCloseTo(4 * 0.5 + 3 * (0.912 - 0.5) + 2 * 0.912, 9);
    expect(forecastUpdate(TINY, 1, GIGABIT)).toEqual({ ranks: 1, seconds: 4, waiting: 0, bytes: 0, speedUp: 1 });
  });

  it.each(WIRES)('sends the bytes that the sums in order do send, as %s', async (wire) => {
    const [ranks, accumulate, parameters] = [4, 8, 8 * BLOCK];
    let sent = 0;
    const counted = memoryTransports(ranks).map((transport) => ({
      ...transport,
      alltoall: (send: Uint8Array, got: Uint8Array) => {
        sent += (send.length * (ranks - 1)) / ranks;
        return transport.alltoall(send, got);
      },
      allgather: (send: Uint8Array, got: Uint8Array) => {
        sent += send.length * (ranks - 1);
        return transport.allgather(send, got);
      },
    }));
    await Promise.all(
      counted.map(async (transport) => {
        const of = new Ranks(transport);
        const sum = new OrderedSum(of, { head: 0, vectors: [parameters], lanes: 1, wire });
        sum.begin();
        for (const [round] of microsOf(of, 1, accumulate).entries()) {
          const mine = [{ head: new Float32Array(0), vectors: [new Float32Array(parameters)] }];
          await sum.add(mine, round * ranks, accumulate - round * ranks, () => undefined);
        }
        await sum.ended();
      }),
    );
    expect(sent / ranks).toBe(forecastUpdate({ micro: 1, accumulate, parameters, wire }, ranks, GIGABIT).bytes);
  });
});

describe('more ranks', () => {
  const link = (gigabits: number): Link => ({ bytesPerSecond: gigabits * 125e6, latency: 50e-6 });
  const seconds = (update: typeof TINY, ranks: number, gigabits: number) =>
    forecastUpdate(update, ranks, link(gigabits)).seconds;

  it('are never more than there are micro-batches, or than was asked for', () => {
    expect(mostThatPay({ ...TINY, accumulate: 5 }, link(100), 64)).toBe(4);
    expect(mostThatPay({ ...TINY, accumulate: 64 }, link(100), 16)).toBe(16);
    expect(mostThatPay({ ...TINY, accumulate: 1 }, link(100), 64)).toBe(1);
  });

  it('pay where each doubling to them was worth it and none beyond is', () => {
    const found = [0.01, 0.1, 1, 10].flatMap((gigabits) =>
      [0.005, 0.05, 0.5].map((micro) => {
        const update = { ...TINY, micro, accumulate: 64 };
        const best = mostThatPay(update, link(gigabits), 64);
        for (const other of [1, 2, 4, 8, 16, 32, 64].filter((one) => one !== best)) {
          const gain =
            (seconds(update, other, gigabits) / seconds(update, best, gigabits)) ** (1 / Math.log2(best / other));
          // The mean gain of a doubling on the way between the two.
          if (other < best) expect(gain).toBeGreaterThanOrEqual(1.25);
          else expect(gain).toBeLessThan(1.25);
        }
        return best;
      }),
    );
    expect(new Set(found)).toEqual(new Set([1, 64]));
  });

  it('pay although two ranks alone would be slower than one', () => {
    const update = { ...TINY, micro: 0.03, accumulate: 64 };
    expect(seconds(update, 2, 1)).toBeGreaterThan(seconds(update, 1, 1));
    expect(mostThatPay(update, link(1), 64)).toBe(64);
  });
});

describe('the tables of docs/manyMachines.md', () => {
  const page = readFileSync(new URL('../../docs/manyMachines.md', import.meta.url), 'utf8');
  // 16 images at 19.1 a second (docs/speed.md); the parameters of DeiT-Ti.
  const measured = { micro: 16 / 19.1, accumulate: 64, parameters: 5_717_416 };
  const on = (update: typeof measured, hosts: number, gigabits: number) =>
    forecastUpdate(update, hosts, { bytesPerSecond: gigabits * 125e6, latency: 50e-6 });
  const told = (hosts: number, gigabits: number): string => {
    const { seconds, speedUp, waiting } = on(measured, hosts, gigabits);
    const more = hosts === 1 ? '' : ` (${speedUp.toFixed(1)} x, ${Math.round((100 * waiting) / seconds)} %)`;
    return `${seconds.toPrecision(3)} s${more}`;
  };

  it('are what the forecast says', () => {
    for (const hosts of [1, 8, 16, 32, 64])
      expect(page).toContain(`| ${hosts} | ${[1, 10, 100].map((gigabits) => told(hosts, gigabits)).join(' | ')} |`);
    const quick = [1, 10, 100].map((gigabits) => on({ ...measured, micro: 0.1 }, 64, gigabits).speedUp.toFixed(1));
    expect(page).toContain(
      `${quick[0]} times as fast on 64 of them on 1 Gb/s (79 % waiting), ${quick[1]} on 10, ${quick[2]} on 100`,
    );
  });
});
