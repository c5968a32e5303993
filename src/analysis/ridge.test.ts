import { describe, expect, it } from 'vitest';
import { stream } from '../random/stream.ts';
import { accuracyOf, fitRidge, logitsOf } from './ridge.ts';

/** Two features of 60 rows; class 1 where the first is above 0. */
function rows(noise: number, scale = 1) {
  const { normal } = stream('ridge', noise);
  const labels = Array.from({ length: 60 }, (_, i) => i % 2);
  const data = Float32Array.from(labels.flatMap((label) => [scale * (2 * label - 1 + noise * normal()), 5 + normal()]));
  return { width: 2, data, labels };
}

describe('fitRidge', () => {
  it('finds the direction in which the classes differ and is right on what it has not seen', () => {
    const head = fitRidge(rows(0.3), 2);
    expect(head.heldOut).toBe(1);
    expect(accuracyOf(head, rows(0.31), 2)).toBe(1);
    // Of the two classes the weights are each other's negative, the first feature's by far the larger.
    expect(head.weight[2]).toBeCloseTo(-head.weight[0]!, 5);
    expect(Math.abs(head.weight[0]!)).toBeGreaterThan(10 * Math.abs(head.weight[1]!));
  });

  it('decides alike whatever the size of the features', () => {
    const [plain, large] = [fitRidge(rows(0.9), 2), fitRidge(rows(0.9, 1000), 2)];
    expect(large.heldOut).toBe(plain.heldOut);
  });

  it('is the least-squares solution where lambda hardly counts', () => {
    // y = x / 2 + 1 / 2 of x = -1, 1: scores 0 and 1 at the rows, so a score of 1/2 between them.
    const data = Float32Array.from(Array.from({ length: 40 }, (_, i) => 2 * (i % 2) - 1));
    const head = fitRidge({ width: 1, data, labels: Array.from({ length: 40 }, (_, i) => i % 2) }, 2);
    const [zero, one] = logitsOf(head, [0], 0, 1);
    expect(zero).toBeCloseTo(one!, 6);
    const [low, high] = logitsOf(head, [1], 0, 1);
    expect(high! - low!).toBeGreaterThan(1);
  });

  it('passes over rows without a label, and features that never vary', () => {
    const { data, labels } = rows(0.3);
    const still = Float32Array.from({ length: 3 * 60 }, (_, i) =>
      i % 3 === 2 ? 4 : data[2 * Math.floor(i / 3) + (i % 3)]!,
    );
    const some = { width: 3, data: still, labels: labels.map((label, i) => (i % 7 === 0 ? -1 : label)) };
    const head = fitRidge(some, 2);
    expect(head.heldOut).toBe(1);
    expect(head.weight[2]).toBeCloseTo(0, 9);
  });
});
