import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Features } from '../models/index.ts';
import { div, maximum, mul } from '../ops/elementwise.ts';
import { reshape, slice } from '../ops/movement.ts';
import { reduceMean, reduceSum } from '../ops/reduce.ts';

export type TokenGrid = NonNullable<Features['grid']>;

/** Attention to no patch at all; a query whose attention to the patches is below it counts as distance 0. */
const NOTHING = 1e-12;

/**
 * How far each head looks, [B,H], in the unit of `patch`: the mean over the queries of sum_j A_ij |delta_ij|, the distance
 * between the centres of patches weighted by attention [B,H,N,N]. Source: ViT, arXiv 2010.11929, appendix D.7.
 * Our choice, since the paper does not say: rows and columns of the class (and distillation) token are left out and the rest
 * of each row is made to sum to 1 again.
 */
export function attentionDistance(attention: Tensor, grid: TokenGrid, patch: number): Tensor {
  const { rows, columns, prefix } = grid;
  const P = rows * columns;
  const patches = slice(slice(attention, 2, prefix, prefix + P), 3, prefix, prefix + P); // B H P P
  const far = reduceSum(mul(patches, floats([1, 1, P, P], distances(rows, columns, patch))), { axes: [3] }); // B H P
  const total = maximum(reduceSum(patches, { axes: [3] }), NOTHING);
  return reduceMean(div(far, total), { axes: [2] });
}

/** |delta_ij| between the centres of all pairs of patches, row by row: [P,P]. */
export function distances(rows: number, columns: number, patch: number): Float32Array {
  const P = rows * columns;
  return Float32Array.from({ length: P * P }, (_, at) => {
    const [i, j] = [Math.floor(at / P), at % P];
    const down = Math.floor(i / columns) - Math.floor(j / columns);
    return patch * Math.hypot(down, (i % columns) - (j % columns));
  });
}

/** What the class token looks at: its attention to the patches, [B,H,rows x columns]; what goes to the prefix is missing. */
export function classAttention(attention: Tensor, { rows, columns, prefix }: TokenGrid): Tensor {
  const [B, H] = attention.shape as [number, number];
  const P = rows * columns;
  return reshape(slice(slice(attention, 2, 0, 1), 3, prefix, prefix + P), [B, H, P]);
}
