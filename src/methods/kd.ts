import { z } from 'zod';
import { binaryKd } from '../losses/binaryKd.ts';
import { softKd } from '../losses/softKd.ts';
import { teacherTerms } from './logitKd.ts';
import type { Method } from './method.ts';
import { labelSmoothing, labelTerms } from './supervised.ts';

const config = z.strictObject({
  /**
   * Weight of the teacher; the labels have 1 - alpha. Our choice: 0.5 at temperature 1, as cls_KD on ImageNet, there 0.5 beside the
   * whole label loss; mdistiller on CIFAR-100 has 0.9 at temperature 4.
   */
  alpha: z.number().min(0).max(1).default(0.5),
  tau: z.number().positive().default(1),
  reduction: z.enum(['mean', 'kl/elementmean']).default('mean'),
  labelSmoothing,
});

/**
 * Soft distillation (Hinton et al., arXiv 1503.02531): (1-a) CE + a tau^2 KL(teacher || student). Of multilabel data: binary
 * cross entropy, and the KL of each class's yes or no (losses/binaryKd.ts), whose reduction is its own.
 */
export const kd: Method<z.output<typeof config>> = {
  name: 'kd',
  summary: "soft distillation: match the teacher's softened probabilities (Hinton et al.)",
  config,
  needs: ({ alpha }) => ({ student: ['logits'], teacher: ['logits'], labels: alpha < 1 ? 'any' : 'none' }),
  multilabel: () => true,
  loss: ({ student, teacher, targets, multilabel, config }) => ({
    ...labelTerms(student, targets, config.labelSmoothing, 1 - config.alpha, multilabel),
    ...teacherTerms(student, student.logits, { labels: config.alpha < 1 }, (logits) => ({
      kd: {
        value: multilabel
          ? binaryKd(logits, teacher!.logits, config.tau)
          : softKd(logits, teacher!.logits, config.tau, config.reduction),
        weight: config.alpha,
      },
    })),
  }),
};
