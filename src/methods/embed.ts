import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { cosineSmoothL1, gramLoss, type Queue, queueLoss, unit } from '../losses/embedding.ts';
import type { Dense } from '../models/dense.ts';
import { EMBED_HEADS, embedHead } from '../nn/embedHead.ts';
import { resizeTokens } from '../nn/resizeTokens.ts';
import { type Scope, ZEROS } from '../nn/scope.ts';
import { add, div, minimum, stopGradient, sub } from '../ops/elementwise.ts';
import { concat, slice } from '../ops/movement.ts';
import type { FeatureName } from '../models/index.ts';
import type { LossContext, Method, Needs, Term } from './method.ts';

const weight = z.number().min(0);

const config = z.strictObject({
  /**
   * How the teacher's embedding is learned. queue: the student's similarities to the teacher's embeddings of this batch and of those
   * before; cosine: the embedding itself, standardised; none: not at all.
   */
  global: z.enum(['queue', 'cosine', 'none']).default('queue'),
  globalWeight: weight.default(1),
  /** Weight of the loss of each place. "auto": 1 where both have places and the teacher's are worth it, else 0. */
  denseWeight: z.union([z.literal('auto'), weight]).default('auto'),
  /** Weight of the loss of the places' cosines with each other. */
  relationWeight: weight.default(0),
  /** Of that loss: cosines below 0 count as 0. */
  clampNegative: z.boolean().default(false),
  /** What stands between the student's features and the teacher's width. */
  head: z.enum(EMBED_HEADS).default('lnLinear'),
  /** Of the head mlp: its inner width. */
  hidden: z.int().min(1).default(2048),
  /**
   * What the teacher's features have taken out before they are compared themselves, measured on `calibrationImages` before the first
   * step. perChannel: each channel's mean and standard deviation; scalar: the means, and one number for all; none: nothing.
   */
  standardise: z.enum(['perChannel', 'scalar', 'none']).default('perChannel'),
  calibrationImages: z.int().min(1).default(4096),
  /** Embeddings in the queue. "auto": half as many as there are training images, at most 65536. */
  queueSize: z.union([z.literal('auto'), z.int().min(1)]).default('auto'),
  /** Of the queue's similarities. */
  temperature: z.number().positive().default(0.07),
  teacherTemperature: z.number().positive().default(0.07),
});

export type EmbedConfig = z.output<typeof config>;

/**
 * Distillation without labels and without a classifier: the student's embedding and dense features learn the teacher's, by heads
 * that are thrown away. Sources: SEED (arXiv 2101.04731) and CompRess (2010.14713) for the queue, AM-RADIO (2312.06709) and UNIC
 * (2408.05088) for the features themselves, DINOv3 (2508.10104) for the places' relations. Our choice, where they differ: which of
 * them is on, LayerNorm and Linear as a head, the calibration on plain images.
 */
export const embed: Method<EmbedConfig> = {
  name: 'embed',
  summary: 'features of a teacher without a classifier, without labels: its embedding, its dense tokens',
  config,
  needs,
  multilabel: () => true,
  loss: (context) => {
    const terms = { ...globalTerm(context), ...denseTerms(context) };
    if (Object.keys(terms).length === 0) throw nothingLeft();
    return terms;
  },
};

const usesGlobal = ({ global, globalWeight }: EmbedConfig): boolean => global !== 'none' && globalWeight > 0;

const nothingLeft = (): UserError =>
  new UserError(
    'embed: no loss has a weight, so that nothing is left to distil. Wanted one of embed.global=queue or cosine with embed.globalWeight above 0, embed.denseWeight, embed.relationWeight',
  );

function needs(config: EmbedConfig): Needs {
  const { denseWeight, relationWeight } = config;
  const wanted: FeatureName[] = [
    ...(usesGlobal(config) ? (['embedding'] as const) : []),
    ...(relationWeight > 0 || (denseWeight !== 'auto' && denseWeight > 0) ? (['dense'] as const) : []),
  ];
  if (wanted.length > 0) return { student: wanted, teacher: wanted, labels: 'none' };
  if (denseWeight === 0) throw nothingLeft();
  return { student: ['dense'], teacher: ['dense'], labels: 'none' };
}

function globalTerm({ scope, student, teacher, config, images }: LossContext<EmbedConfig>): Record<string, Term> {
  if (!usesGlobal(config)) return {};
  const target = stopGradient(teacher!.embedding!); // B E
  const found = scope.in('global', (s) =>
    embedHead(s, student.embedding!, target.shape[1]!, config.head, config.hidden),
  );
  const weight = config.globalWeight;
  if (config.global === 'cosine') {
    const standard = scope.in('embedding', (s) => standardised(s, target, 'embedding', config));
    return { global: { value: cosineSmoothL1(found, standard), weight } };
  }
  const keys = unit(target);
  const queue = queueOf(scope, target.shape[1]!, config, images);
  const value = queueLoss(unit(found), keys, queue, {
    student: config.temperature,
    teacher: config.teacherTemperature,
  });
  enqueue(scope, queue, keys);
  return { queue: { value, weight } };
}

/** Our choice: 65536 where nobody says how many images there are. */
function queueOf(scope: Scope, width: number, { queueSize }: EmbedConfig, images = 131_072): Queue {
  const size = queueSize === 'auto' ? Math.max(1, Math.min(65_536, Math.floor(images / 2))) : queueSize;
  return {
    keys: scope.state('queue', [size, width], ZEROS),
    filled: scope.state('filled', [1], ZEROS),
  };
}

/**
 * The batch's embeddings in front, the oldest out at the end. A step writes its whole state anew, so that to move them costs what to
 * write in a ring would.
 */
function enqueue(scope: Scope, { keys, filled }: Queue, fresh: Tensor): void {
  const [M, B] = [keys.shape[0]!, fresh.shape[0]!];
  const next = B >= M ? slice(fresh, 0, 0, M) : concat([fresh, slice(keys, 0, 0, M - B)], 0);
  scope.update('queue', stopGradient(next));
  scope.update('filled', minimum(add(filled, B), M));
}

function denseTerms(context: LossContext<EmbedConfig>): Record<string, Term> {
  const { scope, student, teacher, config } = context;
  const weight = denseWeightOf(context);
  if (weight === 0 && config.relationWeight === 0) return {};
  const [own, target] = [student.dense!, teacher!.dense!];
  const fixed = stopGradient(target.tokens); // B N D_t
  const fitted = (tokens: Tensor) => resizeTokens(tokens, own, target);
  const terms: Record<string, Term> = {};
  if (weight > 0) {
    // First to the teacher's width, then to its grid.
    const wide = scope.in('dense', (s) => embedHead(s, own.tokens, fixed.shape[2]!, config.head, config.hidden));
    const standard = scope.in('tokens', (s) => standardised(s, fixed, 'dense.tokens', config));
    terms.dense = { value: cosineSmoothL1(fitted(wide), standard), weight };
  }
  if (config.relationWeight > 0)
    terms.relation = {
      value: gramLoss(fitted(own.tokens), fixed, config.clampNegative),
      weight: config.relationWeight,
    };
  return terms;
}

function denseWeightOf({ student, teacher, config }: LossContext<EmbedConfig>): number {
  if (config.denseWeight !== 'auto') return config.denseWeight;
  const worth = (dense: Dense | undefined) => dense !== undefined && !dense.weak;
  return worth(teacher!.dense) && student.dense ? 1 : 0;
}

/** Features [..., D] of the teacher less their mean, divided by their deviation: numbers of some images, measured once. */
function standardised(s: Scope, x: Tensor, feature: string, { standardise, calibrationImages }: EmbedConfig): Tensor {
  if (standardise === 'none') return x;
  const D = x.shape.at(-1)!;
  const measured = (statistic: 'mean' | 'deviation' | 'scalarDeviation') =>
    ({ kind: 'measured', feature, statistic, images: calibrationImages }) as const;
  const mean = s.state('mean', [D], measured('mean'));
  const deviation =
    standardise === 'scalar'
      ? s.state('deviation', [1], measured('scalarDeviation'))
      : s.state('deviation', [D], measured('deviation'));
  return div(sub(x, mean), add(deviation, 1e-6));
}
