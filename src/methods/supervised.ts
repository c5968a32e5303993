import { z } from 'zod';
import { binaryCrossEntropy, multilabelCrossEntropy } from '../losses/binaryCrossEntropy.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import type { Features } from '../models/index.ts';
import type { Tensor } from '../graph/tensor.ts';
import { allVotes } from './logitKd.ts';
import type { Method, Term } from './method.ts';

/**
 * Our choice: 0.1, DeiT's, in every method. Authors who train CNNs have none beside distillation (mdistiller's KD and DKD, cls_KD's
 * NKD on ResNets).
 */
export const labelSmoothing = z.number().min(0).max(1).default(0.1);

/** Weight of the cross entropy with the labels beside a method's own terms; 0 leaves it out. */
export const labelWeight = z.number().min(0).default(1);

const config = z.strictObject({
  /**
   * bce: each class a yes or no, every class of a mixed label a yes (DeiT III; with labelSmoothing 0 there). auto: cross
   * entropy, and of multilabel data binary cross entropy in which a mixed label is a part of a yes.
   */
  loss: z.enum(['auto', 'crossEntropy', 'bce']).default('auto'),
  labelSmoothing,
});

/** Cross entropy with the labels. A student of several heads learns with all, each at its share of the weight. */
export const supervised: Method<z.output<typeof config>> = {
  name: 'supervised',
  summary: 'cross entropy with the labels, no teacher',
  config,
  needs: () => ({ student: ['logits'], teacher: [], labels: 'any' }),
  multilabel: ({ loss }) => loss !== 'crossEntropy',
  loss: ({ student, targets, multilabel, config: { loss, labelSmoothing } }) => {
    if (loss !== 'bce') return labelTerms(student, targets, labelSmoothing, 1, multilabel);
    return overHeads(student, 'bce', (logits) => binaryCrossEntropy(logits, targets!, labelSmoothing));
  },
};

/**
 * The label loss with a weight; no term where that is 0. A student's distillation head that no teacher speaks to has its share, and
 * so have its patches where they vote: else they would stay untrained and still have their say at test time.
 */
export function labelTerms(
  student: Features,
  targets: Tensor | undefined,
  smoothing: number,
  weight = 1,
  multilabel = false,
): Record<string, Term> {
  if (weight === 0) return {};
  if (multilabel)
    return overHeads(student, 'bce', (logits) => multilabelCrossEntropy(logits, targets!, smoothing), weight);
  return overHeads(student, 'ce', (logits) => crossEntropy(logits, targets!, smoothing), weight);
}

function overHeads(
  student: Features,
  name: string,
  loss: (logits: Tensor) => Tensor,
  weight = 1,
): Record<string, Term> {
  const all = allVotes(student);
  return Object.fromEntries(
    all.map(([suffix, logits]) => [`${name}${suffix}`, { value: loss(logits), weight: weight / all.length }]),
  );
}
