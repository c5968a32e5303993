import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import type { Features } from '../models/index.ts';
import { adaptiveAveragePoolLast } from '../nn/adaptivePool.ts';
import type { Scope } from '../nn/scope.ts';
import { add, mul, stopGradient, sub } from '../ops/elementwise.ts';
import { expand, reshape } from '../ops/movement.ts';
import { logitKd, teacherHead, teacherTerms } from './logitKd.ts';
import type { LossContext, Method, Needs, Term } from './method.ts';
import { labelSmoothing, labelTerms } from './supervised.ts';

/** CSKD, ICCV 2023 (arXiv 2307.08500), with the settings of the authors' code (github.com/Zzzzz1/CSKD, fa0d8b8). */
const config = z.strictObject({
  /** Of the patches: the teacher's decision at each place as a label (`hard`), or its probabilities (`soft`, with tau). */
  kind: z.enum(['hard', 'soft']).default('hard'),
  /** Of `soft`. Our choice: 1. */
  tau: z.number().positive().default(1),
  /** Of `soft`. Our choice: `place`, the mean over images and places; `reference`: over images alone, as many times larger as there are places. */
  reduce: z.enum(['place', 'reference']).default('place'),
  /**
   * The target fades from what the teacher says at each place to what it says of the whole image: by 1 - x, its square or a cosine,
   * x being the part of the stage's epochs that are over. `none`: the places alone; `globalOnly`: the whole image alone.
   */
  fuse: z.enum(['linear', 'quadratic', 'cosine', 'none', 'globalOnly']).default('linear'),
  /** Weight of the patches' loss; 0 leaves DeiT's hard distillation. */
  weight: z.number().min(0).default(1),
  /** Weight of the teacher's decision on the distillation token; the labels have 1 - alpha. */
  alpha: z.number().min(0).max(1).default(0.5),
  /** Who votes at test time: the two heads, or also the distillation head's mean over the patches, for good. */
  inference: z.enum(['three', 'two']).default('three'),
  labelSmoothing,
});

export type CskdConfig = z.output<typeof config>;

/** (1-a) CE(class head, label) + a CE(distillation head, decision) + w L(distillation head on the patches, what the teacher says there). */
export const cskd: Method<CskdConfig> = {
  name: 'cskd',
  summary: 'patches learn what the teacher’s classifier says at their place, then of the whole image (CSKD)',
  config,
  needs,
  shapeStudent: ({ inference, weight }) => ({ distToken: true, patchVote: inference === 'three' && weight > 0 }),
  loss: (context) => ({ ...tokenTerms(context), ...patchTerm(context) }),
};

function needs({ weight, alpha }: CskdConfig): Needs {
  if (weight === 0 && alpha === 0)
    throw new UserError(
      'cskd: weight and alpha are both 0: nothing is left to distil. Give one a weight, or use supervised',
    );
  return {
    student: ['logits', 'distLogits', ...(weight > 0 ? (['patchDistLogits'] as const) : [])],
    teacher: ['logits', ...(weight > 0 ? (['placeLogits'] as const) : [])],
    labels: alpha < 1 ? 'any' : 'none',
  };
}

/** DeiT's, hard. */
function tokenTerms({ student, teacher, targets, config }: LossContext<CskdConfig>): Record<string, Term> {
  const { alpha, labelSmoothing } = config;
  // The patches' vote has a loss of its own.
  const { patchVote: _, ...tokens } = student;
  // Without a say of the teacher both tokens learn the labels: both vote at test time.
  if (alpha === 0) return labelTerms(tokens, targets, labelSmoothing);
  const kd = teacherTerms(tokens, teacherHead(tokens), { labels: alpha < 1 }, (logits) => ({
    kd: { value: logitKd(logits, teacher!.logits, { how: 'hard' }), weight: alpha },
  }));
  if (alpha === 1) return kd;
  return { ce: { value: crossEntropy(student.logits, targets!, labelSmoothing), weight: 1 - alpha }, ...kd };
}

function patchTerm({ scope, student, teacher, config }: LossContext<CskdConfig>): Record<string, Term> {
  const { kind, tau, reduce, weight } = config;
  if (weight === 0) return {};
  const target = fused(scope, teacher!, config); // B h w K
  const [, h, w, K] = target.shape as [number, number, number, number];
  const own = onGrid(student.patchDistLogits!, h, w);
  const rows = (x: Tensor) => reshape(x, [sizeOf(x.shape) / K, K]);
  const how = kind === 'hard' ? ({ how: 'hard' } as const) : ({ how: 'soft', tau, reduction: 'mean' } as const);
  const value = logitKd(rows(own), rows(target), how); // mean over images and places
  return { patches: { value: kind === 'soft' && reduce === 'reference' ? mul(value, h * w) : value, weight } };
}

/** r of an epoch: 1 in the first one, in the last one nearly 0. */
const FADE = {
  linear: (x: number) => 1 - x,
  quadratic: (x: number) => (1 - x) ** 2,
  cosine: (x: number) => Math.cos((Math.PI * x) / 2),
} as const;

/** r P + (1 - r) g: what the teacher says at each place, and of the whole image. */
function fused(scope: Scope, teacher: Features, { fuse }: CskdConfig): Tensor {
  const places = stopGradient(teacher.placeLogits!);
  const whole = reshape(stopGradient(teacher.logits), [places.shape[0]!, 1, 1, places.shape[3]!]);
  if (fuse === 'none') return places;
  if (fuse === 'globalOnly') return expand(whole, places.shape);
  const r = scope.scheduled('local', (epoch, epochs) => FADE[fuse](epoch / epochs));
  return add(mul(places, r), mul(whole, sub(1, r)));
}

/** The student's answers averaged over the patches that a place of the teacher covers. */
function onGrid(patches: Tensor, rows: number, columns: number): Tensor {
  const [, h, w] = patches.shape as [number, number, number, number];
  if (rows > h || columns > w)
    throw new UserError(
      `cskd: wanted a teacher whose last map is no finer than the student's patches, got ${rows} x ${columns} places (teacher) and ${h} x ${w} patches (student). Choose a smaller patch size or a larger student.imageSize, or a teacher with a larger stride`,
    );
  return adaptiveAveragePoolLast(patches, rows, columns);
}
