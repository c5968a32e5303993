import { z } from 'zod';
import { nkd as nkdLoss } from '../losses/nkd.ts';
import type { Tensor } from '../graph/tensor.ts';
import { teacherTerms } from './logitKd.ts';
import type { Method } from './method.ts';
import { labelSmoothing, labelTerms, labelWeight } from './supervised.ts';

const config = z.strictObject({
  /** Weight of the other classes. The authors': 1 for Vision Transformers, 1.5 for CNNs on ImageNet, 3.5 on CIFAR-100. */
  gamma: z.number().min(0).default(1),
  /** Temperature of the other classes; 1 on ImageNet, 3 on CIFAR-100. */
  temp: z.number().positive().default(1),
  labelWeight,
  labelSmoothing,
});

/** NKD: CE + target term + gamma x other classes. Source: see losses/nkd.ts. */
export const nkd: Method<z.output<typeof config>> = {
  name: 'nkd',
  summary: "normalised distillation: the target's probability and, apart, the other classes (NKD)",
  config,
  needs: () => ({ student: ['logits'], teacher: ['logits'], labels: 'any' }),
  loss: ({ student, teacher, targets, config }) => {
    const distil = (logits: Tensor) => {
      const { target, nonTarget } = nkdLoss(logits, teacher!.logits, targets!, config.temp);
      return { target: { value: target, weight: 1 }, nonTarget: { value: nonTarget, weight: config.gamma } };
    };
    return {
      ...labelTerms(student, targets, config.labelSmoothing, config.labelWeight),
      ...teacherTerms(student, student.logits, { labels: config.labelWeight > 0 }, distil),
    };
  },
};
