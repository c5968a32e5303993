import type { Tensor } from '../graph/tensor.ts';
import { crossEntropy, hardLabels } from '../losses/crossEntropy.ts';
import { type KdReduction, softKd } from '../losses/softKd.ts';
import type { Features } from '../models/index.ts';
import { votes } from '../models/vit.ts';
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

/** What the names of terms of a student's votes end with, in the order of `votes`. */
export const VOTE_SUFFIXES = ['', 'Dist', 'Patches'] as const;

/** The head that listens to the teacher: the distillation token's where there is one (DeiT, section 4). */
export const teacherHead = ({ distLogits, logits }: Features): Tensor => distLogits ?? logits;

/**
 * A loss with the teacher's logits, as terms. Beside a label loss it is `head`'s alone, the distillation head's also where its
 * patches vote. Without one, all votes of a student learn it. Several have each their share of the weight.
 * Our choice: at test time the answer is the mean of the votes, so one that nothing teaches would spoil it; and to refuse such a
 * student would leave unlabelled images without DeiT's architecture.
 */
export function teacherTerms(
  student: Features,
  head: Tensor,
  beside: { readonly labels: boolean },
  lossOf: (logits: Tensor) => Readonly<Record<string, Term>>,
): Record<string, Term> {
  const listening = beside.labels || !student.distLogits ? listeners(student, head) : allVotes(student);
  const terms = listening.flatMap(([suffix, logits]) =>
    Object.entries(lossOf(logits)).map(
      ([name, term]) => [`${name}${suffix}`, { ...term, weight: term.weight / listening.length }] as const,
    ),
  );
  return Object.fromEntries(terms);
}

type Vote = readonly [suffix: string, logits: Tensor];

/** All that have a say at test time, with what the names of their terms end with. */
export const allVotes = (student: Features): Vote[] =>
  votes(student).map((logits, i) => [VOTE_SUFFIXES[i]!, logits] as const);

const listeners = ({ distLogits, patchVote }: Features, head: Tensor): Vote[] => [
  ['', head],
  ...(head === distLogits && patchVote ? [['Patches', patchVote] as const] : []),
];
