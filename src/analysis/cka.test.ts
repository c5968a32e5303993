import { describe, expect, it } from 'vitest';
import { stream } from '../random/stream.ts';
import { linearCka, type Rows } from './cka.ts';

const rowsOf = (matrix: readonly (readonly number[])[]): Rows => ({
  width: matrix[0]!.length,
  data: Float32Array.from(matrix.flat()),
});

function random(name: string, images: number, width: number): number[][] {
  const numbers = stream('cka test', name);
  return Array.from({ length: images }, () => Array.from({ length: width }, () => numbers.uniform() - 0.3));
}

/** The definition with whole matrices: HSIC of Gram matrices, from Song et al.'s formula where `unbiased`. */
function direct(x: number[][], y: number[][], unbiased: boolean): number {
  const n = x.length;
  const gram = (m: number[][]) => {
    const mean = m[0]!.map((_, d) => m.reduce((sum, row) => sum + row[d]!, 0) / n);
    return m.map((a, i) =>
      m.map((b, j) => {
        if (unbiased) return i === j ? 0 : a.reduce((sum, v, d) => sum + v * b[d]!, 0);
        return a.reduce((sum, v, d) => sum + (v - mean[d]!) * (b[d]! - mean[d]!), 0);
      }),
    );
  };
  const total = (m: number[][]) => m.flat().reduce((a, b) => a + b, 0);
  const hsic = (k: number[][], l: number[][]) => {
    const trace = total(k.map((row, i) => row.map((value, j) => value * l[i]![j]!)));
    if (!unbiased) return trace;
    const rowSums = (m: number[][]) => m.map((row) => row.reduce((a, b) => a + b, 0));
    const [rk, rl] = [rowSums(k), rowSums(l)];
    const kl = rk.reduce((sum, value, i) => sum + value * rl[i]!, 0);
    return (trace + (total(k) * total(l)) / ((n - 1) * (n - 2)) - (2 * kl) / (n - 2)) / (n * (n - 3));
  };
  const [k, l] = [gram(x), gram(y)];
  return hsic(k, l) / Math.sqrt(hsic(k, k) * hsic(l, l));
}

describe('linear CKA', () => {
  it('by hand: X = (1,-1,0), Y = (1,0,-1) has (X.Y)^2 / (|X|^2 |Y|^2) = 1/4', () => {
    const table = linearCka([rowsOf([[1], [-1], [0]])], [rowsOf([[1], [0], [-1]])], 3);
    expect(table.biased[0]![0]).toBeCloseTo(0.25, 12);
    expect(table.unbiased[0]![0]).toBeNull();
  });

  it('is 1 for X moved, turned and scaled, and not for X stretched along one axis', () => {
    const x = random('x', 12, 2);
    const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
    const turned = x.map(([a, b]) => [3 * (c * a! - s * b!) + 5, 3 * (s * a! + c * b!) - 2]);
    const stretched = x.map(([a, b]) => [9 * a!, b!]);
    const { biased, unbiased } = linearCka([rowsOf(x)], [rowsOf(turned), rowsOf(stretched)], 12);
    expect(biased[0]![0]).toBeCloseTo(1, 5);
    expect(unbiased[0]![0]).toBeCloseTo(1, 5);
    expect(biased[0]![1]).toBeLessThan(0.95);
  });

  it('equals the definition with whole Gram matrices, biased and unbiased, for every pair of layers', () => {
    const [a, b] = [
      [random('a0', 9, 3), random('a1', 9, 20)],
      [random('b0', 9, 5), random('b1', 9, 1), random('b2', 9, 12)],
    ];
    const found = linearCka(a.map(rowsOf), b.map(rowsOf), 9);
    a.forEach((x, i) => {
      b.forEach((y, j) => {
        expect(found.biased[i]![j]).toBeCloseTo(direct(x, y, false), 5);
        expect(found.unbiased[i]![j]).toBeCloseTo(direct(x, y, true), 5);
      });
    });
  });

  it('unbiased: independent wide features are not alike, which the biased one takes them for', () => {
    const [x, y] = [random('wide x', 20, 200), random('wide y', 20, 200)];
    const { biased, unbiased } = linearCka([rowsOf(x)], [rowsOf(y)], 20);
    expect(biased[0]![0]).toBeGreaterThan(0.8);
    expect(Math.abs(unbiased[0]![0]!)).toBeLessThan(0.2);
  });

  it('is null for a layer that is the same for all images', () => {
    const still = rowsOf(Array.from({ length: 5 }, () => [0.1, 0.7]));
    expect(linearCka([still], [rowsOf(random('x', 5, 2))], 5)).toEqual({ biased: [[null]], unbiased: [[null]] });
  });
});
