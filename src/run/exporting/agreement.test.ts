import { describe, expect, it } from 'vitest';
import { compareRows, marginOf, shortfall } from './agreement.ts';

const rows = (...values: number[][]) => values.map((row) => Float32Array.from(row));
const ours = rows([0, 4, 1], [3, 0, 1], [0, 1, 2], [5, 1, 0]);

describe('agreement', () => {
  it('counts decisions, right answers and the largest difference', () => {
    const theirs = rows([0, 4.25, 1], [3, 0, 1], [0, 2.5, 2], [5, 1, 0]);
    const found = compareRows(ours, theirs, [1, 0, 1, 2]);
    expect(found).toEqual({ images: 4, largestDifference: 1.5, top1: 0.75, margins: [1], accuracy: 0.75 });
    expect(compareRows(ours, ours)).toEqual({ images: 4, largestDifference: 0, top1: 1, margins: [] });
  });

  it('tells by how much our own decision led where another is taken, the largest lead first', () => {
    const theirs = rows([0, 4, 5], [3, 0, 1], [0, 3, 2], [1, 5, 0]);
    expect(compareRows(ours, theirs).margins).toEqual([4, 3, 1]);
    // A lead over the second, whichever place it has.
    expect([marginOf(ours[1]!), marginOf(Float32Array.of(-5, -7, -5.5))]).toEqual([2, 0.5]);
  });

  it('with a NaN there is none', () => {
    const found = compareRows(ours, rows([0, Number.NaN, 1], [3, 0, 1], [0, 1, 2], [5, 1, 0]));
    expect(found.largestDifference).toBeNaN();
    for (const dtype of ['fp32', 'fp16', 'q8'] as const)
      expect(shortfall(dtype, found, ours, true)).toMatch(/got a difference of NaN/);
  });

  it('is enough within the limits of each kind of file: absolute for fp32, else of the range of the logits', () => {
    const at = (largestDifference: number, top1 = 1) => ({ images: 4, largestDifference, top1, margins: [] });
    const fits = (dtype: 'fp32' | 'fp16' | 'q8', difference: number) =>
      shortfall(dtype, at(difference), ours, true) === undefined;
    // The widest range is 5: 2 % of it is 0.1, 25 % is 1.25.
    expect([fits('fp32', 9e-4), fits('fp32', 1.1e-3)]).toEqual([true, false]);
    expect([fits('fp16', 0.09), fits('fp16', 0.11)]).toEqual([true, false]);
    expect([fits('q8', 1.2), fits('q8', 1.3)]).toEqual([true, false]);
  });

  it('asks for the same decisions on real images, not on noise', () => {
    const found = { images: 200, largestDifference: 0.5, top1: 0.89, margins: [] };
    expect(shortfall('q8', found, ours, true)).toBe(
      'wanted the same top-1 as our own forward pass on 90 % of 200 real images, got 89.0 %',
    );
    expect(shortfall('q8', found, ours, false)).toBeUndefined();
  });
});
