import { z } from 'zod';
import { dkd as dkdLoss } from '../losses/dkd.ts';
import type { Tensor } from '../graph/tensor.ts';
import { teacherTerms } from './logitKd.ts';
import type { Method } from './method.ts';
import { labelSmoothing, labelTerms, labelWeight } from './supervised.ts';

const config = z.strictObject({
  /** Weight of the target class against all others. */
  alpha: z.number().min(0).default(1),
  /** Weight of the other classes among themselves. The paper's: 8 on CIFAR-100, 0.5 on ImageNet with temp 1. */
  beta: z.number().min(0).default(8),
  temp: z.number().positive().default(4),
  labelWeight,
  labelSmoothing,
});

/** DKD (CVPR 2022, arXiv 2203.08679): CE + alpha x target class + beta x other classes. Its target is one class: no mixing. */
export const dkd: Method<z.output<typeof config>> = {
  name: 'dkd',
  summary: 'decoupled distillation of the target class and the others; no mixup or cutmix (DKD)',
  config,
  needs: () => ({ student: ['logits'], teacher: ['logits'], labels: 'integer' }),
  loss: ({ student, teacher, targets, config }) => {
    const distil = (logits: Tensor) => {
      const { target, nonTarget } = dkdLoss(logits, teacher!.logits, targets!, config.temp);
      return { target: { value: target, weight: config.alpha }, nonTarget: { value: nonTarget, weight: config.beta } };
    };
    return {
      ...labelTerms(student, targets, config.labelSmoothing, config.labelWeight),
      ...teacherTerms(student, student.logits, { labels: config.labelWeight > 0 }, distil),
    };
  },
};
