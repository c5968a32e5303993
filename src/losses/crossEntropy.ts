import type { Tensor } from '../graph/tensor.ts';
import { add, cast, mul } from '../ops/elementwise.ts';
import { equal } from '../ops/compare.ts';
import { argMax, reduceSum } from '../ops/reduce.ts';
import { logSoftmax } from '../ops/softmax.ts';
import { constant } from '../graph/build.ts';

/**
 * Cross entropy of logits [B,K] with target rows [B,K] that each sum to 1 (one-hot or mixed); mean over the batch.
 * `smoothing` e turns a row t into (1-e) t + e/K (arXiv 1512.00567, section 7; torch's label_smoothing).
 * Stays finite for any finite logits: it is computed from log-softmax.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, smoothing = 0): Tensor {
  const [B, K] = logits.shape as [number, number];
  const smooth = smoothing === 0 ? targets : add(mul(targets, 1 - smoothing), smoothing / K);
  return mul(reduceSum(mul(smooth, logSoftmax(logits))), -1 / B);
}

/** The one-hot row [B,K] of each row's (first) largest element. No gradient. */
export function hardLabels(logits: Tensor): Tensor {
  const [, K] = logits.shape as [number, number];
  const classes = constant({ dtype: 'int64', shape: [1, K], data: Array.from({ length: K }, (_, k) => k) });
  return cast(equal(argMax(logits, { axis: 1, keepDims: true }), classes), 'float32');
}
