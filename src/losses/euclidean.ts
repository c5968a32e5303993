import type { Tensor } from '../graph/tensor.ts';
import { greater } from '../ops/compare.ts';
import { sqrt, where } from '../ops/elementwise.ts';
import { type ReduceOptions, reduceSumSquare } from '../ops/reduce.ts';

/**
 * The Euclidean norm, not squared, over all elements or over the axes given. At 0, where it has no derivative, the gradient is
 * 0 (the subgradient that PyTorch takes), not 0 / 0.
 */
export function euclidean(x: Tensor, options: ReduceOptions = {}): Tensor {
  return safeSqrt(reduceSumSquare(x, options));
}

/** The root of what is not negative, with gradient 0 at 0. */
export function safeSqrt(square: Tensor): Tensor {
  const positive = greater(square, 0);
  return where(positive, sqrt(where(positive, square, 1)), 0);
}
