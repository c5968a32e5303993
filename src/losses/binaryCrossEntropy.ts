import type { Tensor } from '../graph/tensor.ts';
import { greater } from '../ops/compare.ts';
import { add, cast, mul, softplus, sub } from '../ops/elementwise.ts';
import { reduceMean } from '../ops/reduce.ts';

/** torch's BCEWithLogitsLoss: logits [B,K], labels [B,K] from 0 to 1, the mean over batch and classes. */
const bceWithLogits = (logits: Tensor, rows: Tensor): Tensor => reduceMean(sub(softplus(logits), mul(logits, rows)));

/**
 * The loss of multilabel data: each class a question of its own, and a mixed label is a part of a yes.
 * `smoothing` e makes a label (1-e) t + e/2, halfway to not knowing (as Keras' BinaryCrossentropy does).
 */
export function multilabelCrossEntropy(logits: Tensor, targets: Tensor, smoothing = 0): Tensor {
  return bceWithLogits(logits, smoothing === 0 ? targets : add(mul(targets, 1 - smoothing), smoothing / 2));
}

/**
 * Each class a yes or no: binary cross entropy of logits [B,K] with label rows [B,K], the mean over batch and classes. Every class whose label is above 0 is a yes: both classes of a mixed image count in full (DeiT III, arXiv
 * 2204.07118, section 4; Wightman et al., arXiv 2110.00476).
 * Our choice: `smoothing` e makes a label (1-e) t + e/K after that; smoothed before, every class would be a yes.
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor, smoothing = 0): Tensor {
  const K = logits.shape[1]!;
  const yes = cast(greater(targets, 0), 'float32');
  const rows = smoothing === 0 ? yes : add(mul(yes, 1 - smoothing), smoothing / K);
  return bceWithLogits(logits, rows);
}
