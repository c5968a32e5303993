import type { Tensor } from '../graph/tensor.ts';
import { exp, mul, sub } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { logSoftmax } from '../ops/softmax.ts';

/** `mean`: over the batch (/B). `kl/elementmean`: DeiT's own code, over batch and classes (/(B K)), K times smaller. */
export type KdReduction = 'mean' | 'kl/elementmean';

/**
 * tau^2 KL(softmax(teacher/tau) || softmax(student/tau)), logits [B,K]. 0 where they agree.
 * Source: Hinton et al., arXiv 1503.02531, section 2; the tau^2 keeps the gradient's size.
 */
export function softKd(student: Tensor, teacher: Tensor, tau: number, reduction: KdReduction = 'mean'): Tensor {
  const [B, K] = student.shape as [number, number];
  const t = logSoftmax(mul(teacher, 1 / tau));
  const s = logSoftmax(mul(student, 1 / tau));
  const count = reduction === 'mean' ? B : B * K;
  return mul(reduceSum(mul(exp(t), sub(t, s))), (tau * tau) / count);
}
