import type { Tensor } from '../graph/tensor.ts';
import { exp, mul, sub } from '../ops/elementwise.ts';
import { concat } from '../ops/movement.ts';
import { reduceSum } from '../ops/reduce.ts';
import { logSoftmax } from '../ops/softmax.ts';
import { hardLabels } from './crossEntropy.ts';
import { dropClasses, logSoftmaxWithout, logSumExp } from './withoutTarget.ts';

export interface DkdTerms {
  /** temp^2 KL of (p_target, 1 - p_target), mean over the batch; without the weight alpha. */
  readonly target: Tensor;
  /** temp^2 KL over the other classes, renormalised; without the weight beta. */
  readonly nonTarget: Tensor;
}

/** Decoupled knowledge distillation (CVPR 2022, arXiv 2203.08679), equation 7. Logits [B,K]; label rows must be one-hot. */
export function dkd(student: Tensor, teacher: Tensor, targets: Tensor, temp: number): DkdTerms {
  const target = hardLabels(targets); // B K
  const [s, t] = [mul(student, 1 / temp), mul(teacher, 1 / temp)];
  const scale = (temp * temp) / student.shape[0]!;
  return {
    target: mul(divergence(targetOrNot(t, target), targetOrNot(s, target)), scale),
    nonTarget: mul(divergence(logSoftmaxWithout(t, target), logSoftmaxWithout(s, target)), scale),
  };
}

/** Log probabilities [B,2] of the target class and of all others together. */
function targetOrNot(logits: Tensor, target: Tensor): Tensor {
  const own = reduceSum(mul(logits, target), { axes: [1], keepDims: true });
  return logSoftmax(concat([own, logSumExp(dropClasses(logits, target))], 1));
}

/** KL(teacher || student) of log probabilities, summed over the batch. */
function divergence(teacher: Tensor, student: Tensor): Tensor {
  return reduceSum(mul(exp(teacher), sub(teacher, student)));
}
