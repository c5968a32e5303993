import type { Tensor } from '../graph/tensor.ts';
import { crossEntropy, hardLabels } from '../losses/crossEntropy.ts';
import { type KdReduction, softKd } from '../losses/softKd.ts';
import type { Features } from '../models/index.ts';
import type { Term } from './method.ts';

/** How a student's (distillation) head learns from the teacher's logits. */
export type LogitKd =
  | { readonly how: 'hard' }
  | { readonly how: 'soft'; readonly tau: number; readonly reduction: KdReduction };

/**
 * Hard: cross entropy with the teacher's decision, unsmoothed (DeiT, arXiv 2012.12877, section 4).
 */
export function logitKd(student: Tensor, teacher: Tensor, kind: LogitKd): Tensor {
  return kind.how === 'hard'
    ? crossEntropy(student, hardLabels(teacher))
    : softKd(student, teacher, kind.tau, kind.reduction);
}

/** The head that listens to the teacher: the distillation token's where there is one (DeiT, section 4). */
export const teacherHead = ({ distLogits, logits }: Features): Tensor => distLogits ?? logits;

/**
 * A loss with the teacher's logits, as terms. Beside a label loss it is `head`'s alone. Without one, both heads of a two-headed
 * student learn it, half and half.
 * Our choice: at test time the answer is the mean of the heads, so one that nothing teaches would spoil it; and to refuse such a
 * student would leave unlabelled images without DeiT's architecture.
 */
export function teacherTerms(
  student: Features,
  head: Tensor,
  beside: { readonly labels: boolean },
  lossOf: (logits: Tensor) => Readonly<Record<string, Term>>,
): Record<string, Term> {
  if (beside.labels || !student.distLogits) return { ...lossOf(head) };
  const half = (terms: Readonly<Record<string, Term>>, suffix: string) =>
    Object.entries(terms).map(([name, term]) => [`${name}${suffix}`, { ...term, weight: term.weight / 2 }] as const);
  return Object.fromEntries([...half(lossOf(student.logits), ''), ...half(lossOf(student.distLogits), 'Dist')]);
}
