import { z } from 'zod';
import { largest } from '../graph/lists.ts';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import { meanSquaredError, standardise } from '../losses/hidden.ts';
import type { Features, ModelConfig } from '../models/index.ts';
import { mhcaSchema } from '../models/vit.ts';
import { aligner } from '../nn/aligner.ts';
import { add, mul, stopGradient } from '../ops/elementwise.ts';
import { logitKd, teacherHead, teacherTerms } from './logitKd.ts';
import type { LossContext, Method, Terms } from './method.ts';
import { labelSmoothing, labelTerms } from './supervised.ts';

const pairSchema = z.strictObject({
  /** Student block, from 0. */
  block: z.int().min(0),
  /** Teacher stage: stem, s1, s2, ... */
  stage: z.string(),
});

export type Pair = z.output<typeof pairSchema>;

/**
 * DearKD, CVPR 2022 (doi 10.1109/CVPR52688.2022.01174), stage I; its stage II is `supervised` on the same student.
 * Paper: early CNN layers and logits are distilled into a ViT with MHCA layers through an aligner, in two stages.
 * Our choice: every constant and form below, since the paper's formulas could not be obtained; each is a switch.
 */
const config = z.strictObject({
  /** Share of the teacher's logits against the labels. */
  alpha: z.number().min(0).max(1).default(0.5),
  /** Weight of the hidden loss; "auto" makes its gradient as long as the label loss's at the start. */
  beta: z.union([z.literal('auto'), z.number().min(0)]).default('auto'),
  logitKd: z.enum(['hard', 'soft', 'none']).default('hard'),
  tau: z.number().positive().default(1),
  reduction: z.enum(['mean', 'kl/elementmean']).default('mean'),
  distToken: z.boolean().default(false),
  /** Which student block learns from which teacher stage. */
  pairs: z.union([z.literal('auto'), z.array(pairSchema).min(1)]).default('auto'),
  /** Teacher maps with mean 0 and variance 1 in each channel. */
  standardise: z.boolean().default(true),
  /** Whether the aligner adds the class token to the patches, so that it gets gradient too. */
  alignClassToken: z.boolean().default(true),
  /** The MHCA layers; "auto" is the first blocks up to the deepest distilled one, null leaves them out. */
  mhca: z
    .union([
      z.literal('auto'),
      mhcaSchema,
      mhcaSchema.omit({ layers: true }).extend({ layers: z.literal('auto').default('auto') }),
    ])
    .nullable()
    .default('auto'),
  /** Share of the epochs with distillation; the rest trains on the labels alone. Paper: two stages; our choice: 250 of 300 epochs. */
  stageOne: z
    .number()
    .positive()
    .max(1)
    .default(5 / 6),
  /**
   * What stage II learns: the labels (the paper's), or the teacher's soft answers and no label. The latter is our choice, for
   * images whose labels are worth less than what the teacher says of them, as those made from it.
   */
  stageTwo: z.enum(['labels', 'teacher']).default('labels'),
  labelSmoothing,
});

export type DearkdConfig = z.output<typeof config>;

export const dearkd: Method<DearkdConfig> = {
  name: 'dearkd',
  summary: 'early CNN layers into a ViT with MHCA through an aligner (DearKD, stage I)',
  config,
  needs: ({ alpha, logitKd, distToken }) => ({
    student: distToken ? ['logits', 'tokens', 'distLogits'] : ['logits', 'tokens'],
    teacher: logitKd === 'none' ? ['maps'] : ['maps', 'logits'],
    labels: logitKd === 'none' || alpha < 1 ? 'any' : 'none',
  }),
  multilabel: ({ logitKd, alpha }) => logitKd === 'none' || alpha === 0,
  shapeStudent: (config, student, teacher) => ({ distToken: config.distToken, mhca: mhcaOf(config, student, teacher) }),
  loss: (context) => ({ ...logitTerms(context), ...hiddenTerm(context) }),
  stages: (config) => [
    { method: 'dearkd', share: config.stageOne },
    ...(config.stageOne === 1 ? [] : [{ ...secondStage(config), share: 1 - config.stageOne }]),
  ],
};

function secondStage({ stageTwo, labelSmoothing, tau, reduction }: DearkdConfig) {
  return stageTwo === 'labels'
    ? { method: 'supervised', settings: { labelSmoothing } }
    : { method: 'kd', settings: { alpha: 1, tau, reduction } };
}

function logitTerms({ student, teacher, targets, multilabel, config }: LossContext<DearkdConfig>): Terms {
  const { alpha, logitKd: how, tau, reduction } = config;
  if (how === 'none' || alpha === 0) return labelTerms(student, targets, config.labelSmoothing, 1, multilabel);
  const kind = how === 'hard' ? ({ how } as const) : ({ how, tau, reduction } as const);
  const kd = teacherTerms(student, teacherHead(student), { labels: alpha < 1 }, (logits) => ({
    kd: { value: logitKd(logits, teacher!.logits, kind), weight: alpha },
  }));
  return alpha < 1
    ? { ce: { value: crossEntropy(student.logits, targets!, config.labelSmoothing), weight: 1 - alpha }, ...kd }
    : kd;
}

/** L_hidden: the mean over the pairs of the mean squared error between aligned tokens and (standardised) teacher maps. */
function hiddenTerm({ scope, student, teacher, config }: LossContext<DearkdConfig>): Terms {
  const grid = student.grid!;
  const pairs = config.pairs === 'auto' ? defaultPairs(student.tokens!.length, grid, mapSizes(teacher!)) : config.pairs;
  const losses = pairs.map(({ block, stage }, k) => {
    const tokens = student.tokens![block];
    const map = teacher!.maps![stage];
    if (!tokens)
      throw new UserError(`dearkd.pairs: the student has blocks 0 to ${student.tokens!.length - 1}, got ${block}`);
    if (!map)
      throw new UserError(
        `dearkd.pairs: unknown teacher stage "${stage}". Available: ${Object.keys(teacher!.maps!).join(', ')}`,
      );
    const [, C, h, w] = map.shape as [number, number, number, number];
    const aligned = scope.in(`aligner.${k}`, (s) => aligner(s, tokens, grid, [C, h, w], config.alignClassToken));
    return meanSquaredError(aligned, stopGradient(config.standardise ? standardise(map) : map));
  });
  const mean = mul(
    losses.reduce((a: Tensor, b) => add(a, b)),
    1 / losses.length,
  );
  return { hidden: { value: mean, weight: config.beta === 'auto' ? Number.NaN : config.beta } };
}

function mapSizes(teacher: Features): [string, number][] {
  return Object.entries(teacher.maps!).map(([stage, map]) => [stage, map.shape[2]!]);
}

/**
 * Our choice: the middle block of the student's first third learns from the stage whose map is nearest above the token grid,
 * and the next block from the next stage.
 */
export function defaultPairs(
  depth: number,
  grid: { readonly rows: number },
  maps: readonly (readonly [string, number])[],
): Pair[] {
  const third = Math.max(1, Math.round(depth / 3));
  const block = Math.floor((third - 1) / 2);
  let at = -1;
  maps.forEach(([, size], i) => {
    if (size > grid.rows) at = i;
  });
  if (at < 0) at = 0;
  const pairs = [{ block, stage: maps[at]![0] }];
  if (at + 1 < maps.length && block + 1 < depth) pairs.push({ block: block + 1, stage: maps[at + 1]![0] });
  return pairs;
}

function mhcaOf(
  config: DearkdConfig,
  student: ModelConfig,
  teacher: Features | undefined,
): z.output<typeof mhcaSchema> | null {
  if (config.mhca === null) return null;
  const given = config.mhca === 'auto' ? mhcaSchema.parse({ layers: 0 }) : config.mhca;
  if (config.mhca !== 'auto' && given.layers !== 'auto') return given as z.output<typeof mhcaSchema>;
  if (student.family !== 'vit' || !teacher?.maps) return null;
  const rows = Math.floor(student.imageSize / student.patchSize);
  const pairs = config.pairs === 'auto' ? defaultPairs(student.depth, { rows }, mapSizes(teacher)) : config.pairs;
  // A block that the student does not have is refused by name when the loss is built.
  return { ...given, layers: Math.min(student.depth, largest(pairs.map(({ block }) => block)) + 1) };
}
