import { z } from 'zod';
import { crossEntropy } from '../losses/crossEntropy.ts';
import type { Features } from '../models/index.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Method, Term } from './method.ts';

export const labelSmoothing = z.number().min(0).max(1).default(0.1);

const config = z.strictObject({ labelSmoothing });

/** Cross entropy with the labels. A two-headed student learns with both heads, each at half weight. */
export const supervised: Method<z.output<typeof config>> = {
  name: 'supervised',
  summary: 'cross entropy with the labels, no teacher',
  config,
  needs: () => ({ student: ['logits'], teacher: [], labels: true }),
  loss: ({ student, targets, config }) => labelTerms(student, targets!, config.labelSmoothing),
};

/** The label loss of a student without a teacher. */
export function labelTerms(student: Features, targets: Tensor, smoothing: number): Record<string, Term> {
  const ce = (logits: Tensor) => crossEntropy(logits, targets, smoothing);
  if (!student.distLogits) return { ce: { value: ce(student.logits), weight: 1 } };
  return { ce: { value: ce(student.logits), weight: 0.5 }, ceDist: { value: ce(student.distLogits), weight: 0.5 } };
}
