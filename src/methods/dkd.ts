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
  /**
   * Epochs over which the distillation's weight rises from the first one on: n / warmupEpochs of it in epoch n. The authors'
   * (mdistiller): 20 of 240 on CIFAR-100, 1 on ImageNet, which is none.
   */
  warmupEpochs: z.int().min(0).default(20),
  labelWeight,
  labelSmoothing,
});

/**
 * DKD (CVPR 2022, arXiv 2203.08679; github.com/megvii-research/mdistiller, DKD.py): CE + alpha x target class + beta x other
 * classes, the latter two rising over the first epochs. Its target is one class: no mixing. Our choice: `labelSmoothing` is 0.1 as
 * in all methods here; the authors' cross entropy has none.
 */
export const dkd: Method<z.output<typeof config>> = {
  name: 'dkd',
  summary:
    'decoupled distillation of the target class and the others, rising over the first epochs; no mixup or cutmix (DKD)',
  config,
  needs: () => ({ student: ['logits'], teacher: ['logits'], labels: 'integer' }),
  loss: ({ student, teacher, targets, config }) => {
    const distil = (logits: Tensor) => {
      const { target, nonTarget } = dkdLoss(logits, teacher!.logits, targets!, config.temp);
      const rise = config.warmupEpochs > 1 ? { rise: config.warmupEpochs } : {};
      return {
        target: { value: target, weight: config.alpha, ...rise },
        nonTarget: { value: nonTarget, weight: config.beta, ...rise },
      };
    };
    return {
      ...labelTerms(student, targets, config.labelSmoothing, config.labelWeight),
      ...teacherTerms(student, student.logits, { labels: config.labelWeight > 0 }, distil),
    };
  },
};
