import { grad } from '../autodiff/grad.ts';
import { shareCommon } from '../graph/passes/shareCommon.ts';
import type { Tensor } from '../graph/tensor.ts';

/** `grad` of a graph whose common parts are one node each: gradients that meet there are added once and go on as one. */
export function sharedGrad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  const [root, ...sources] = shareCommon([loss, ...wrt]);
  return grad(root!, sources);
}
