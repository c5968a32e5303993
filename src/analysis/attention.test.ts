import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { attentionDistance, classAttention, distances } from './attention.ts';

const GRID = { rows: 2, columns: 2, prefix: 1 };
const numbersOf = (tensor: Tensor) => Array.from(evaluate([tensor], new Map())[0]!.data);

/** Attention [1,H,N,N] from one matrix a head. */
function attentionOf(...heads: readonly (readonly (readonly number[])[])[]): Tensor {
  const N = heads[0]!.length;
  return floats([1, heads.length, N, N], heads.flat(2));
}

const uniform = Array.from({ length: 5 }, () => new Array<number>(5).fill(0.2));
const identity = uniform.map((row, i) => row.map((_, j) => (i === j ? 1 : 0)));

describe('attention distance', () => {
  it('distances between the centres of a grid that is not square', () => {
    const diagonal = 3 * Math.SQRT2;
    const [a, b, c] = [0, 3, 6];
    const row = Array.from(distances(2, 3, 3).slice(0, 6));
    [a, b, c, 3, diagonal, 3 * Math.sqrt(5)].forEach((want, j) => void expect(row[j]).toBeCloseTo(want, 5));
  });

  it('of uniform attention on 2x2 patches of 4 px is (0 + 4 + 4 + 4 sqrt 2) / 4, of each patch to itself 0', () => {
    const [far, near] = numbersOf(attentionDistance(attentionOf(uniform, identity), GRID, 4));
    expect(far).toBeCloseTo((8 + 4 * Math.SQRT2) / 4, 6);
    expect(near).toBe(0);
  });

  it('leaves the class token out as a query and as a key, and makes the rest sum to 1', () => {
    // Each patch: half to the class token, the other half to the patch below or above it. The class token looks far.
    const swap = [
      [0, 0, 0, 0, 1],
      [0.5, 0, 0, 0.5, 0],
      [0.5, 0, 0, 0, 0.5],
      [0.5, 0.5, 0, 0, 0],
      [0.5, 0, 0.5, 0, 0],
    ];
    expect(numbersOf(attentionDistance(attentionOf(swap), GRID, 4))[0]).toBeCloseTo(4, 6);
  });

  it('a query without any attention to patches counts as 0, not as an error', () => {
    const [half] = numbersOf(
      attentionDistance(
        attentionOf([
          [1, 0, 0, 0, 0],
          [1, 0, 0, 0, 0],
          [1, 0, 0, 0, 0],
          [0, 1, 0, 0, 0],
          [0, 0, 1, 0, 0],
        ]),
        GRID,
        4,
      ),
    );
    expect(half).toBeCloseTo((0 + 0 + 4 + 4) / 4, 6);
  });

  it('the class token sees the patches, not itself and not the distillation token', () => {
    const rows = [[0.1, 0.2, 0.3, 0.15, 0.15, 0.1], ...Array.from({ length: 5 }, () => [1, 0, 0, 0, 0, 0])];
    const seen = classAttention(attentionOf(rows), { ...GRID, prefix: 2 });
    expect(seen.shape).toEqual([1, 1, 4]);
    [0.3, 0.15, 0.15, 0.1].forEach((want, j) => void expect(numbersOf(seen)[j]).toBeCloseTo(want, 6));
  });
});
