import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { uskd as uskdLoss } from '../losses/uskd.ts';
import type { Features } from '../models/index.ts';
import { fanInUniform, linear } from '../nn/layers.ts';
import { reshape, slice } from '../ops/movement.ts';
import type { Method } from './method.ts';
import { labelSmoothing, labelTerms, labelWeight } from './supervised.ts';

const config = z.strictObject({
  /** Weight of the targets. */
  alpha: z.number().min(0).default(1),
  /** Weight of the other classes. The authors': 0.1. */
  beta: z.number().min(0).default(0.1),
  /** Weight of the auxiliary head's own loss. The authors': 0.005 on ImageNet, 0.1 on CIFAR-100. */
  mu: z.number().min(0).default(0.005),
  labelWeight,
  labelSmoothing,
});

/** USKD: the student is its own teacher, with an auxiliary head (`fc`) on its middle. Source: see losses/uskd.ts. */
export const uskd: Method<z.output<typeof config>> = {
  name: 'uskd',
  summary:
    'self-distillation with an auxiliary head on the middle block, no teacher (USKD by its paper; since July 2023 its code ranks otherwise)',
  config,
  needs: () => ({ student: ['tokens', 'logits'], teacher: [], labels: 'any' }),
  loss: ({ scope, student, targets, config }) => {
    const middle = middleClassToken(student);
    // As torch.nn.Linear begins, in the authors' code too.
    const init = fanInUniform(middle.shape[1]!);
    const weakLogits = scope.in('fc', (s) =>
      linear(s, middle, student.logits.shape[1]!, { weightInit: init, biasInit: init }),
    );
    const { target, nonTarget, weak } = uskdLoss(student.logits, weakLogits, targets!);
    return {
      ...labelTerms(student, targets, config.labelSmoothing, config.labelWeight),
      target: { value: target, weight: config.alpha },
      nonTarget: { value: nonTarget, weight: config.beta },
      weak: { value: weak, weight: config.mu },
    };
  },
};

/** The class token [B,D] after block floor(L/2) - 1 of L, without the final norm (the authors' code). */
function middleClassToken({ tokens }: Features): Tensor {
  const middle = tokens![Math.floor(tokens!.length / 2) - 1];
  if (!middle)
    throw new UserError(
      'uskd: the student has one block and so no middle; wanted at least 2 blocks: set student.depth',
    );
  return reshape(slice(middle, 1, 0, 1), [middle.shape[0]!, middle.shape[2]!]);
}
