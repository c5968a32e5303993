import type { Tensor } from '../graph/tensor.ts';
import { mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { logSoftmax } from '../ops/softmax.ts';

/**
 * Cross entropy of logits [B,K] with target rows [B,K] that each sum to 1 (one-hot, smoothed or mixed); mean over the batch.
 * Stays finite for any finite logits: it is computed from log-softmax.
 */
export function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return mul(reduceSum(mul(targets, logSoftmax(logits))), -1 / logits.shape[0]!);
}
