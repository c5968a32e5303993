import { z } from 'zod';
import { crossEntropy } from '../losses/crossEntropy.ts';
import { logitKd, teacherHead, teacherTerms } from './logitKd.ts';
import type { Method } from './method.ts';
import { labelSmoothing, labelTerms } from './supervised.ts';

const config = z.strictObject({
  /** DeiT's best: the teacher's decision as a label (`hard`), or its probabilities (`soft`, with tau). */
  kind: z.enum(['hard', 'soft']).default('hard'),
  /** Weight of the teacher. The authors': 0.5; for `soft`, in the paper, 0.1 with tau 3. */
  alpha: z.number().min(0).max(1).default(0.5),
  tau: z.number().positive().default(3),
  reduction: z.enum(['mean', 'kl/elementmean']).default('mean'),
  /** A second token with its own head that listens to the teacher. */
  distToken: z.boolean().default(true),
  labelSmoothing,
});

/** DeiT's distillation (arXiv 2012.12877, section 4): (1-a) CE(class head, label) + a L(distillation head, teacher). */
export const deit: Method<z.output<typeof config>> = {
  name: 'deit',
  summary: 'distillation token that learns the teacher’s decisions (DeiT)',
  config,
  needs: ({ alpha, distToken }) => ({
    student: distToken ? ['logits', 'distLogits'] : ['logits'],
    teacher: ['logits'],
    labels: alpha < 1 ? 'any' : 'none',
  }),
  shapeStudent: ({ distToken }) => ({ distToken }),
  loss: ({ student, teacher, targets, config: { kind, alpha, tau, reduction, labelSmoothing } }) => {
    // Without a say of the teacher both heads learn the labels: both vote at test time.
    if (alpha === 0) return labelTerms(student, targets, labelSmoothing);
    const how = kind === 'hard' ? ({ how: 'hard' } as const) : ({ how: 'soft', tau, reduction } as const);
    const kd = teacherTerms(student, teacherHead(student), { labels: alpha < 1 }, (logits) => ({
      kd: { value: logitKd(logits, teacher!.logits, how), weight: alpha },
    }));
    if (alpha === 1) return kd;
    return { ce: { value: crossEntropy(student.logits, targets!, labelSmoothing), weight: 1 - alpha }, ...kd };
  },
};
