import type { Tensor } from '../graph/tensor.ts';
import { abs, add, div, maximum, mul, sqrt, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { transpose } from '../ops/movement.ts';
import { reduceMax, reduceSum } from '../ops/reduce.ts';

/** A step leaves singular values a little above 1: three times bring 1.07 (all entries moved by 5e-4, 3024 x 192) to 1 - 1e-8. */
const TIMES = 3;

/**
 * A matrix with orthonormal columns after an update, orthonormal again: the update without the part that leaves the set at right
 * angles, then the nearest such matrix by Newton and Schulz, W <- 1.5 W - 0.5 W (W^T W). A wide matrix: the same of its rows.
 * VkD (arXiv 2403.06213) is trained on this set; its code parametrises it by Householder reflections and keeps a base beside.
 * Our choice: to keep W itself, and the way back (the polar retraction of optimisation on matrix manifolds).
 */
export function orthonormalAgain(after: Tensor, before: Tensor): Tensor {
  const [rows, columns] = before.shape as [number, number];
  if (rows < columns) return transpose(orthonormalAgain(transpose(after, [1, 0]), transpose(before, [1, 0])), [1, 0]);
  let W = withinReach(add(before, tangent(sub(after, before), before)));
  for (let time = 0; time < TIMES; time++) W = sub(mul(W, 1.5), mul(matmul(W, gram(W)), 0.5));
  return W;
}

const gram = (W: Tensor): Tensor => matmul(W, W, { transA: true });

/** U - W sym(W^T U): without what would stretch or shear the columns, and only be taken back. All singular values of W + U are then at least 1. */
function tangent(U: Tensor, W: Tensor): Tensor {
  const along = matmul(W, U, { transA: true });
  return sub(U, matmul(W, mul(add(along, transpose(along, [1, 0])), 0.5)));
}

/**
 * Scaled so that no singular value is above sqrt(2): from sqrt(3) on Newton and Schulz diverge, which an update of huge steps would
 * reach. The largest row sum of W^T W bounds their squares; ordinary updates stay below 2 and are left as they are.
 */
function withinReach(W: Tensor): Tensor {
  const bound = reduceMax(reduceSum(abs(gram(W)), { axes: [1] }));
  return div(W, sqrt(maximum(mul(bound, 0.5), 1)));
}
