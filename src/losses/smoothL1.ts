import type { Tensor } from '../graph/tensor.ts';
import { abs, minimum, mul, sub } from '../ops/elementwise.ts';
import { reduceMean } from '../ops/reduce.ts';

/** Mean over all elements of d^2 / 2 where |d| < 1 and |d| - 1/2 elsewhere: PyTorch's smooth_l1_loss with beta 1, Huber's loss. */
export function smoothL1(a: Tensor, b: Tensor): Tensor {
  const far = abs(sub(a, b));
  const near = minimum(far, 1);
  return reduceMean(mul(near, sub(far, mul(near, 0.5))));
}
