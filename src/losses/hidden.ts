import type { Tensor } from '../graph/tensor.ts';
import { div, mul, sqrt, sub, add } from '../ops/elementwise.ts';
import { reduceMean } from '../ops/reduce.ts';

/** Mean over all elements of the squared difference. */
export function meanSquaredError(a: Tensor, b: Tensor): Tensor {
  const difference = sub(a, b);
  return reduceMean(mul(difference, difference));
}

/** Feature maps [B,C,h,w] with mean 0 and variance 1 in each channel over batch and space (biased variance, epsilon 1e-5). */
export function standardise(maps: Tensor, epsilon = 1e-5): Tensor {
  const axes = { axes: [0, 2, 3], keepDims: true };
  const centred = sub(maps, reduceMean(maps, axes));
  return div(centred, sqrt(add(reduceMean(mul(centred, centred), axes), epsilon)));
}
