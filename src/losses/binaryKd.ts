import type { Tensor } from '../graph/tensor.ts';
import { mul, sigmoid, softplus, sub } from '../ops/elementwise.ts';
import { reduceMean } from '../ops/reduce.ts';

/**
 * Distillation of classes that are questions of their own: tau^2 KL(sigmoid(teacher/tau) || sigmoid(student/tau)), both sides
 * of each question, logits [B,K]. 0 where they agree. The softmax of softKd (arXiv 1503.02531) replaced by K sigmoids.
 * Our choice: the mean over batch and classes, as the label loss beside it (BCEWithLogitsLoss) has it.
 */
export function binaryKd(student: Tensor, teacher: Tensor, tau: number): Tensor {
  const [s, t] = [mul(student, 1 / tau), mul(teacher, 1 / tau)];
  // softplus(z) - p z is the cross entropy of sigmoid(z) with p; the teacher's own entropy is taken off.
  const surprise = sub(sub(softplus(s), softplus(t)), mul(sigmoid(t), sub(s, t)));
  return mul(reduceMean(surprise), tau * tau);
}
