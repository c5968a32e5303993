import type { Tensor } from '../graph/tensor.ts';
import { exp, mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { logSoftmax, softmax } from '../ops/softmax.ts';
import { hardLabels } from './crossEntropy.ts';
import { logSoftmaxWithout } from './withoutTarget.ts';

export interface NkdTerms {
  /** -mean_b T_t log S_t, both at temperature 1. */
  readonly target: Tensor;
  /** -temp^2 mean_b sum_{i != t} T^_i log S^_i, softmaxes without the target class; without the weight gamma. */
  readonly nonTarget: Tensor;
}

/**
 * Normalised knowledge distillation, "From Knowledge Distillation to Self-Knowledge Distillation" (ICCV 2023), section 3, as
 * in the authors' code (github.com/yzd-v/cls_KD, nkd.py). Logits [B,K]; the target class t is the (first) largest entry of the
 * label row, so a mixed row counts by its larger part.
 */
export function nkd(student: Tensor, teacher: Tensor, targets: Tensor, temp: number): NkdTerms {
  const B = student.shape[0]!;
  const target = hardLabels(targets); // B K
  const t = exp(logSoftmaxWithout(mul(teacher, 1 / temp), target));
  const s = logSoftmaxWithout(mul(student, 1 / temp), target);
  return {
    target: mul(reduceSum(mul(mul(target, softmax(teacher)), logSoftmax(student))), -1 / B),
    nonTarget: mul(reduceSum(mul(t, s)), (-temp * temp) / B),
  };
}
