import type { Tensor } from '../graph/tensor.ts';
import { crossEntropy, hardLabels } from '../losses/crossEntropy.ts';
import { type KdReduction, softKd } from '../losses/softKd.ts';
import type { Features } from '../models/index.ts';

/** How a student's (distillation) head learns from the teacher's logits. */
export type LogitKd =
  | { readonly how: 'hard' }
  | { readonly how: 'soft'; readonly tau: number; readonly reduction: KdReduction };

/**
 * The head that listens to the teacher is the distillation token's where there is one, else the class token's.
 * Hard: cross entropy with the teacher's decision, unsmoothed (DeiT, arXiv 2012.12877, section 4).
 */
export function logitKd(student: Features, teacher: Tensor, kind: LogitKd): Tensor {
  const z = student.distLogits ?? student.logits;
  return kind.how === 'hard' ? crossEntropy(z, hardLabels(teacher)) : softKd(z, teacher, kind.tau, kind.reduction);
}
