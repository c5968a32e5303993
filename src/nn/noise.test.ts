import { describe, expect, it } from 'vitest';
import { stream } from '../random/stream.ts';
import { drawNoise } from './noise.ts';
import { inputStore, Scope } from './scope.ts';

const share = (mask: Uint8Array) => mask.reduce((s, x) => s + x, 0) / mask.length;
const bernoulli = (n: number, keep: number) => ({ kind: 'bernoulli', name: 'm', shape: [n], keep }) as const;
const exact = (B: number, N: number, ones: number) => ({ kind: 'exactCount', name: 'm', shape: [B, N], ones }) as const;

describe('drawNoise, bernoulli', () => {
  it('keeps the share that is asked for, at even and odd places alike', () => {
    for (const keep of [0.1, 0.5, 0.9]) {
      const mask = drawNoise(bernoulli(100_001, keep), stream(1, keep));
      const limit = 5 * Math.sqrt((keep * (1 - keep)) / 50_000);
      for (const parity of [0, 1])
        expect(Math.abs(share(mask.filter((_, i) => i % 2 === parity)) - keep)).toBeLessThan(limit);
      expect(mask.every((x) => x === 0 || x === 1)).toBe(true);
    }
  });

  it('neighbours are independent: of four elements each pattern comes as often as chance has it', () => {
    const mask = drawNoise(bernoulli(400_000, 0.5), stream(2));
    const counts = new Array<number>(16).fill(0);
    for (let i = 0; i < mask.length; i += 4)
      counts[mask[i]! * 8 + mask[i + 1]! * 4 + mask[i + 2]! * 2 + mask[i + 3]!]!++;
    const chi = counts.reduce((s, n) => s + (n - 6250) ** 2 / 6250, 0);
    expect(chi).toBeLessThan(40); // 15 degrees of freedom: exceeded once in 2000
  });

  it('0 and 1 are exact, the last of an odd number included', () => {
    expect(share(drawNoise(bernoulli(10_001, 1), stream(3)))).toBe(1);
    expect(share(drawNoise(bernoulli(10_001, 0), stream(3)))).toBe(0);
  });

  it('depends on the stream alone', () => {
    const draw = (seed: number) => drawNoise(bernoulli(64, 0.5), stream(seed));
    expect(draw(4)).toEqual(draw(4));
    expect(draw(4)).not.toEqual(draw(5));
  });

  it('is faster than a number of the stream for each element', () => {
    const timed = (work: () => void): number => {
      const start = performance.now();
      work();
      return performance.now() - start;
    };
    const drawn: number[] = [];
    const oneByOne: number[] = [];
    for (const seed of [1, 2, 3, 4, 5]) {
      drawn.push(timed(() => drawNoise(bernoulli(1_000_000, 0.9), stream(seed))));
      const random = stream(seed);
      oneByOne.push(timed(() => Uint8Array.from({ length: 1_000_000 }, () => Number(random.uniform() < 0.9))));
    }
    expect(Math.min(...drawn)).toBeLessThan(Math.min(...oneByOne));
  });
});

describe('drawNoise, exactCount', () => {
  it('has exactly the ones that are asked for in every row', () => {
    for (const [N, ones] of [
      [196, 98],
      [15, 10],
      [3, 0],
      [3, 3],
      [1, 1],
    ] as const) {
      const mask = drawNoise(exact(50, N, ones), stream(7, N));
      for (let row = 0; row < 50; row++)
        expect(mask.slice(row * N, (row + 1) * N).reduce((s, x) => s + x, 0)).toBe(ones);
    }
  });

  it('chooses every set of places equally often', () => {
    const mask = drawNoise(exact(60_000, 5, 2), stream(8));
    const counts = new Map<string, number>();
    for (let row = 0; row < 60_000; row++) {
      const key = mask.slice(row * 5, row * 5 + 5).join('');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(10);
    const chi = [...counts.values()].reduce((s, n) => s + (n - 6000) ** 2 / 6000, 0);
    expect(chi).toBeLessThan(30); // 9 degrees of freedom: exceeded once in 2000
  });

  it('refuses more ones than places', () => {
    expect(() => drawNoise(exact(1, 3, 4), stream(9))).toThrow('internal: mask m: 4 ones do not fit a row of 3');
  });
});

describe('Scope', () => {
  it('names its masks by place and kind', () => {
    const store = inputStore();
    new Scope(store, true).in('method', (s) => [s.noise('drop', [4], 0.9), s.exactMask('mask', [2, 6], 3)]);
    expect([...store.noises.values()]).toEqual([
      { kind: 'bernoulli', name: 'method.drop', shape: [4], keep: 0.9 },
      { kind: 'exactCount', name: 'method.mask', shape: [2, 6], ones: 3 },
    ]);
    expect(() => new Scope(store, false, 'eval').exactMask('mask', [2, 6], 3)).toThrow('eval: noise outside training');
  });
});
