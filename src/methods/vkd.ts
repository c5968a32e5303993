import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import { smoothL1 } from '../losses/smoothL1.ts';
import { softKd } from '../losses/softKd.ts';
import { whiten } from '../losses/whiten.ts';
import type { Features } from '../models/index.ts';
import { fanInUniform } from '../nn/layers.ts';
import { ONES, ORTHONORMAL, type Scope, ZEROS } from '../nn/scope.ts';
import { add, div, mul, sqrt, stopGradient, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reduceMean } from '../ops/reduce.ts';
import { teacherHead, teacherTerms } from './logitKd.ts';
import type { LossContext, Method, Needs, Term } from './method.ts';
import { labelSmoothing, labelTerms, labelWeight } from './supervised.ts';

/** VkD, CVPR 2024 (arXiv 2403.06213), with the settings of the authors' code for ImageNet (github.com/roymiles/VkD, 6f8a507). */
const config = z.strictObject({
  /** Weight of the feature loss; 0 leaves it out. The authors': 1, and 4 in detection (with `bothBatch`). */
  featureWeight: z.number().min(0).default(1),
  /** Weight of the KL divergence from the teacher's probabilities; 0 leaves it out. */
  kdWeight: z.number().min(0).default(1),
  tau: z.number().positive().default(1),
  /**
   * `teacherLN`: the teacher's feature has mean 0 and variance 1 in each image. `bothBatch`, the authors' for detection: a scale and
   * a bias for each channel behind the projector, then both sides with mean 0 and variance 1 in each channel over the batch.
   * `whiten`, for generation: the teacher's channels uncorrelated over the batch (losses/whiten.ts). `none`: as it is.
   */
  normalise: z.enum(['teacherLN', 'bothBatch', 'whiten', 'none']).default('teacherLN'),
  /** Of `whiten`: share of the identity in the covariance. Our choice: 0.001. */
  whitenEpsilon: z.number().positive().max(1).default(1e-3),
  /** `orthogonal`: kept so after each update. For ablations: `fixed` stays as it is drawn, `free` is a linear layer like any other. */
  projector: z.enum(['orthogonal', 'fixed', 'free']).default('orthogonal'),
  /** Allows a student that is wider than its teacher: the projector then loses a part of what the student has. */
  allowWide: z.boolean().default(false),
  /** A second token with its own head that listens to the teacher. */
  distToken: z.boolean().default(true),
  labelWeight,
  labelSmoothing,
});

export type VkdConfig = z.output<typeof config>;

/** CE(class head, label) + KL(teacher || distillation head) + smooth L1 of the projected mean patch and the teacher's pooled feature. */
export const vkd: Method<VkdConfig> = {
  name: 'vkd',
  summary: "the teacher's pooled feature through a projector that stays orthogonal (VkD)",
  config,
  needs,
  multilabel: ({ kdWeight }) => kdWeight === 0,
  shapeStudent: ({ distToken }) => ({ distToken }),
  loss: (context) => ({ ...logitTerms(context), ...featureTerm(context) }),
};

function needs({ featureWeight, kdWeight, labelWeight, distToken }: VkdConfig): Needs {
  if (featureWeight === 0 && kdWeight === 0)
    throw new UserError(
      'vkd: featureWeight and kdWeight are both 0: nothing is left to distil. Give one a weight, or use supervised',
    );
  return {
    student: [
      'logits',
      ...(featureWeight > 0 ? (['dense'] as const) : []),
      ...(distToken ? (['distLogits'] as const) : []),
    ],
    teacher: [...(featureWeight > 0 ? (['pooled'] as const) : []), ...(kdWeight > 0 ? (['logits'] as const) : [])],
    labels: labelWeight > 0 ? 'any' : 'none',
  };
}

function logitTerms({ student, teacher, targets, multilabel, config }: LossContext<VkdConfig>): Record<string, Term> {
  const { kdWeight, labelWeight, tau, labelSmoothing } = config;
  // Without a say of the teacher both heads learn the labels: both vote at test time.
  if (kdWeight === 0) return labelTerms(student, targets, labelSmoothing, labelWeight, multilabel);
  const kd = teacherTerms(student, teacherHead(student), { labels: labelWeight > 0 }, (logits) => ({
    kd: { value: softKd(logits, teacher!.logits, tau), weight: kdWeight },
  }));
  if (labelWeight === 0) return kd;
  return { ce: { value: crossEntropy(student.logits, targets!, labelSmoothing), weight: labelWeight }, ...kd };
}

function featureTerm({ scope, student, teacher, config }: LossContext<VkdConfig>): Record<string, Term> {
  if (config.featureWeight === 0) return {};
  const target = stopGradient(teacher!.pooled!); // B D_t
  const patches = meanPatch(student); // B D_s
  const projected = scope.in('projector', (s) => project(s, patches, target.shape[1]!, config));
  return { feature: { value: compare(scope, projected, target, config), weight: config.featureWeight } };
}

/** The mean of the patch tokens after the final LayerNorm, or of the places of a CNN's last map, [B,D]. */
const meanPatch = ({ dense }: Features): Tensor => reduceMean(dense!.tokens, { axes: [1] });

/** W z without a bias, [B,D_t]. */
function project(s: Scope, z: Tensor, width: number, { projector, allowWide }: VkdConfig): Tensor {
  const from = z.shape[1]!;
  if (from > width && !allowWide)
    throw new UserError(
      `vkd: wanted a student at most as wide as its teacher, got ${from} (student) and ${width} (teacher's pooled feature): an orthogonal projector would lose a part of the student. Take a narrower student or a wider teacher, or allow the loss with --set vkd.allowWide=true`,
    );
  const weight = {
    orthogonal: () => s.orthonormal('weight', [width, from]),
    fixed: () => s.buffer('weight', [width, from], ORTHONORMAL),
    // As torch.nn.Linear begins.
    free: () => s.param('weight', [width, from], fanInUniform(from)),
  }[projector]();
  return matmul(z, weight, { transB: true });
}

function compare(scope: Scope, projected: Tensor, target: Tensor, config: VkdConfig): Tensor {
  if (config.normalise === 'none') return smoothL1(projected, target);
  if (config.normalise === 'teacherLN') return smoothL1(projected, standardised(target, 1));
  const [B, width] = target.shape as [number, number];
  if (B === 1)
    throw new UserError(
      `vkd.normalise: ${config.normalise} compares the images of a batch, of which there is 1; wanted a train.batch of at least 2`,
    );
  if (config.normalise === 'whiten') return smoothL1(projected, whiten(target, config.whitenEpsilon));
  const own = scope.in('scale', (s) =>
    add(mul(projected, s.param('weight', [width], ONES)), s.param('bias', [width], ZEROS)),
  );
  return smoothL1(standardised(own, 0), standardised(target, 0));
}

/** Mean 0 and variance 1 along an axis: biased variance, epsilon 1e-5 (in the authors' LayerNorm; our choice over the batch). */
function standardised(x: Tensor, axis: 0 | 1): Tensor {
  const along = { axes: [axis], keepDims: true };
  const centred = sub(x, reduceMean(x, along));
  return div(centred, sqrt(add(reduceMean(mul(centred, centred), along), 1e-5)));
}
