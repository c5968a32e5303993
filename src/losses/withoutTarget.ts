import type { Tensor } from '../graph/tensor.ts';
import { greater } from '../ops/compare.ts';
import { add, exp, log, stopGradient, sub, where } from '../ops/elementwise.ts';
import { reduceMax, reduceSum } from '../ops/reduce.ts';
import { logSoftmax } from '../ops/softmax.ts';

/**
 * What a dropped logit becomes: its probability is exactly 0, and unlike an infinity it stays harmless when a 0 multiplies
 * it (0 x -inf is NaN, and WebGPU's shaders may assume that no infinity occurs).
 */
const DROPPED = -1e30;

/** Logits [B,K] with the classes where `dropped` [B,K] is 1 out of the running. No gradient reaches those. */
export function dropClasses(logits: Tensor, dropped: Tensor): Tensor {
  return where(greater(dropped, 0), DROPPED, logits);
}

/**
 * log softmax over the classes that are not dropped. The dropped places hold about -1e30: weigh them with 0. Dropping the
 * logit is exact where log(1 - p) is not: at p = 1 there is nothing left of 1 - p.
 */
export function logSoftmaxWithout(logits: Tensor, dropped: Tensor): Tensor {
  return logSoftmax(dropClasses(logits, dropped));
}

/** log sum exp over the last axis, [B,1], taken from the largest element so that nothing overflows. */
export function logSumExp(logits: Tensor): Tensor {
  const axes = { axes: [logits.shape.length - 1], keepDims: true };
  const largest = stopGradient(reduceMax(logits, axes));
  return add(log(reduceSum(exp(sub(logits, largest)), axes)), largest);
}
