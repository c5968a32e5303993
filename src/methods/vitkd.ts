import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { generationLoss, type Masked, mimicLoss, relationLoss } from '../losses/vitkd.ts';
import type { FeatureName, Features } from '../models/index.ts';
import { generate } from '../nn/generator.ts';
import { fanInUniform, linear } from '../nn/layers.ts';
import { type Scope, ZEROS } from '../nn/scope.ts';
import { add, stopGradient, sub } from '../ops/elementwise.ts';
import { reshape, slice } from '../ops/movement.ts';
import type { LossContext, Method, Needs, Term } from './method.ts';
import { labelSmoothing, labelTerms, labelWeight } from './supervised.ts';

const block = z.int().min(0);
/** A block, from 0, of student and teacher alike, or one of each. */
const layer = z.union([block, z.strictObject({ student: block, teacher: block })]);

/**
 * ViTKD, arXiv 2209.02432 (CVPR-W 2024), with the settings of the authors' code (github.com/yzd-v/cls_KD). Each of its three
 * guidelines is a switch: `deep.how`, `shallow.how` and `tap`.
 */
const config = z.strictObject({
  layers: z
    .strictObject({
      /** The authors': the first two blocks, also of a teacher with 24. */
      shallow: z.array(layer).default([0, 1]),
      /** "last" is the last block of each. */
      deep: z.union([z.literal('last'), layer]).default('last'),
    })
    .prefault({}),
  shallow: z.strictObject({ how: z.enum(['mimic', 'generate', 'none']).default('mimic') }).prefault({}),
  deep: z.strictObject({ how: z.enum(['generate', 'mimic', 'none']).default('generate') }).prefault({}),
  /**
   * Where in a block. `stream`, the authors': the residual stream after the block, and the deep one after the final LayerNorm
   * where it is the last. Our choice for the third guideline's ablation: `ffn` and `mha` are the outputs of the FFN and of the
   * attention before they join the stream, no LayerNorm after them; compare these two with one another.
   */
  tap: z.enum(['stream', 'ffn', 'mha']).default('stream'),
  generator: z.enum(['conv', 'selfAttention', 'crossAttention']).default('conv'),
  /** Share of the tokens that are masked; 0 masks none. */
  maskRatio: z.number().min(0).max(1).default(0.5),
  /** The loss on the tokens' relations, which the authors tried and dropped, and its weight (Our choice: 1). */
  relation: z.boolean().default(false),
  relationWeight: z.number().min(0).default(1),
  /** See losses/vitkd.ts; both are the same at 196 tokens and a mask ratio of 0.5. */
  scale: z.enum(['per-element', 'reference']).default('per-element'),
  /** Weight of the shallow layers. */
  alpha: z.number().min(0).default(3e-5),
  /** Weight of the deep layer. */
  beta: z.number().min(0).default(3e-6),
  labelWeight,
  labelSmoothing,
});

export type VitkdConfig = z.output<typeof config>;
type Layer = z.output<typeof layer> | 'last';

export const vitkd: Method<VitkdConfig> = {
  name: 'vitkd',
  summary: "a ViT teacher's features: mimic the shallow layers, generate the deep one (ViTKD)",
  config,
  needs,
  multilabel: () => true,
  loss: (context) => {
    const { student, targets, multilabel, config } = context;
    checkGrids(student, context.teacher!);
    const pairs = alignedPairs(context);
    const sum = (values: readonly Tensor[]) => values.reduce((a, b) => add(a, b));
    const term = (of: readonly Pair[], weight: number): Term => ({
      value: sum(of.map((pair) => pairLoss(pair, config))),
      weight,
    });
    const [shallow, deep] = [pairs.filter(({ at }) => at === 'shallow'), pairs.filter(({ at }) => at === 'deep')];
    return {
      ...labelTerms(student, targets, config.labelSmoothing, config.labelWeight, multilabel),
      ...(config.shallow.how !== 'none' && shallow.length > 0 ? { shallow: term(shallow, config.alpha) } : {}),
      ...(config.deep.how !== 'none' ? { deep: term(deep, config.beta) } : {}),
      ...(config.relation ? { relation: relationTerm(pairs, config) } : {}),
    };
  },
};

const usesShallow = ({ shallow, relation, layers }: VitkdConfig): boolean =>
  (shallow.how !== 'none' || relation) && layers.shallow.length > 0;
const usesDeep = ({ deep, relation }: VitkdConfig): boolean => deep.how !== 'none' || relation;

function needs(config: VitkdConfig): Needs {
  const { tap, layers } = config;
  if (!usesShallow(config) && !usesDeep(config))
    throw new UserError(
      'vitkd: shallow.how and deep.how are both none and relation is false: nothing is left to distil. Turn one on, or use supervised',
    );
  const blocks = tap === 'stream' ? 'tokens' : tap;
  const afterNorm = tap === 'stream' && layers.deep === 'last';
  const features = new Set<FeatureName>();
  // Block features stand first: what a CNN lacks is tokens, and that says it best.
  if (usesShallow(config) || !afterNorm) features.add(blocks);
  if (usesDeep(config) && afterNorm) features.add('norm');
  return { student: [...features, 'logits'], teacher: [...features], labels: config.labelWeight > 0 ? 'any' : 'none' };
}

/** A student's layer beside its teacher's: patch tokens [B,N,D] of the teacher's width. */
interface Pair {
  readonly at: 'shallow' | 'deep';
  readonly student: Tensor;
  readonly teacher: Tensor;
  /** Where the pair's mask token and generator are: deep ones at the method's own level, as in the authors' code. */
  readonly inside: <T>(build: (scope: Scope) => T) => T;
  readonly grid: { readonly rows: number; readonly columns: number };
}

function alignedPairs({ scope, student, teacher, config }: LossContext<VitkdConfig>): Pair[] {
  const grid = student.grid!;
  const pair = (at: Pair['at'], name: string, which: Layer, inside: Pair['inside']): Pair => {
    const [s, t] = [
      patchTokens(student, 'student', which, config.tap),
      patchTokens(teacher!, 'teacher', which, config.tap),
    ];
    return {
      at,
      student: scope.in(name, (inner) => align(inner, s, t.shape[2]!)),
      teacher: stopGradient(t),
      inside,
      grid,
    };
  };
  const pairs: Pair[] = [];
  if (usesShallow(config))
    config.layers.shallow.forEach((which, k) => {
      const name = `shallow.${k}`;
      pairs.push(pair('shallow', name, which, (build) => scope.in(name, build)));
    });
  if (usesDeep(config)) pairs.push(pair('deep', 'deep', config.layers.deep, (build) => build(scope)));
  return pairs;
}

/** Linear(D_s -> D_t) with PyTorch's initialisation, nothing where the widths are the same. */
function align(s: Scope, x: Tensor, width: number): Tensor {
  const from = x.shape[2]!;
  const init = fanInUniform(from);
  return from === width ? x : linear(s, x, width, { weightInit: init, biasInit: init });
}

function patchTokens(features: Features, role: 'student' | 'teacher', which: Layer, tap: VitkdConfig['tap']): Tensor {
  const blocks = features[tap === 'stream' ? 'tokens' : tap];
  const cut = (t: Tensor) => slice(t, 1, features.grid!.prefix, t.shape[1]!);
  if (which === 'last') return cut(tap === 'stream' ? features.norm! : blocks!.at(-1)!);
  const index = typeof which === 'number' ? which : which[role];
  const found = blocks![index];
  if (!found)
    throw new UserError(
      `vitkd.layers: the ${role} has blocks 0 to ${blocks!.length - 1}, got ${index}. Choose one of them, or {student: ..., teacher: ...} for one of each`,
    );
  return cut(found);
}

function pairLoss(pair: Pair, config: VitkdConfig): Tensor {
  if (config[pair.at].how === 'mimic') return mimicLoss(pair.student, pair.teacher, config.scale);
  return pair.inside((s) => {
    const [B, N, D] = pair.teacher.shape as [number, number, number];
    const masked = drawMask(s, B, N, config.maskRatio);
    const generated = s.in('generator', (inner) =>
      generate(inner, config.generator, {
        features: pair.student,
        mask: masked && reshape(masked.mask, [B, N, 1]),
        maskToken: s.param('mask_token', [1, 1, D], ZEROS, false),
        grid: pair.grid,
      }),
    );
    return generationLoss(generated, pair.teacher, masked, config.scale);
  });
}

/** An exact number of masked tokens in each image, as in the authors' code: floor(N (1 - ratio)) stay. Undefined where all do. */
function drawMask(s: Scope, B: number, N: number, ratio: number): Masked | undefined {
  const visible = Math.floor(N * (1 - ratio) + 1e-9); // 10 (1 - 0.9) is a little below 1
  return visible === N
    ? undefined
    : { mask: sub(1, s.exactMask('visible', [B, N], visible)), count: N - visible, ratio };
}

function relationTerm(pairs: readonly Pair[], { relationWeight }: VitkdConfig): Term {
  const losses = pairs.map(({ student, teacher }) => relationLoss(student, teacher));
  return { value: losses.reduce((a, b) => add(a, b)), weight: relationWeight };
}

/** ViTKD compares token with token, so both must cut their images into the same grid. */
function checkGrids(student: Features, teacher: Features): void {
  const [s, t] = [student.grid!, teacher.grid!];
  if (s.rows === t.rows && s.columns === t.columns) return;
  const show = (grid: typeof s) => `${grid.rows} x ${grid.columns}`;
  throw new UserError(
    `vitkd: wanted the same token grid of student and teacher, got ${show(s)} (student) and ${show(t)} (teacher). A grid has image size / patch size tokens a side: choose the student's image or patch size so that it gets ${show(t)}, or a teacher with ${show(s)}. nkd and kd work with any grids`,
  );
}
