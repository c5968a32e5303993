import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { attention, contentScores } from '../nn/attention.ts';
import { attentionPool } from '../nn/attentionPool.ts';
import { ACTIVATIONS, type Activation, feedForward } from '../nn/feedForward.ts';
import { layerNorm, layerScale, linear, residual } from '../nn/layers.ts';
import type { Grid } from '../nn/mhca.ts';
import { patchEmbed } from '../nn/patches.ts';
import { rotary } from '../nn/rope.ts';
import { type Scope, TRUNCATED_02 } from '../nn/scope.ts';
import { add } from '../ops/elementwise.ts';
import { concat, pad, reshape, slice } from '../ops/movement.ts';
import { reduceMean } from '../ops/reduce.ts';
import { denseOfTokens } from './dense.ts';
import type { Features, Model } from './features.ts';
import { MOST_CLASSES, MOST_IMAGE_SIZE, MOST_PATCHES } from './limits.ts';

/** Foundation models by transformers' model_type of their image part. */
export const ENCODER_KINDS = [
  'dinov2',
  'dinov2_with_registers',
  'dinov3_vit',
  'clip_vision_model',
  'siglip_vision_model',
] as const;

export type EncoderKind = (typeof ENCODER_KINDS)[number];

/**
 * Their loss reaches the patches' tokens only through others, so that these say little of their places: Proteus (2407.10366) learns
 * CLIP's class token alone. Our choice: SigLIP 2, whose tokens are better, has the same files and counts as SigLIP.
 */
const WEAK: readonly EncoderKind[] = ['clip_vision_model', 'siglip_vision_model'];

const activations = Object.keys(ACTIVATIONS) as [Activation, ...Activation[]];

/**
 * Image encoders that were trained without classes: DINOv2 (arXiv 2304.07193), with registers (2309.16588), DINOv3 (2508.10104),
 * the image towers of CLIP (2103.00020) and of SigLIP and SigLIP 2 (2303.15343, 2502.14786). Pre-norm blocks as a Vision
 * Transformer's (vit.ts), under timm's names; what they have besides is a setting each.
 */
export const encoderSchema = z.strictObject({
  kind: z.enum(ENCODER_KINDS),
  imageSize: z.int().min(1).max(MOST_IMAGE_SIZE),
  patchSize: z.int().min(1),
  /** CLIP has none. */
  patchBias: z.boolean().default(true),
  width: z.int().min(1),
  depth: z.int().min(1).max(200),
  heads: z.int().min(1),
  /** Width of the MLP between its layers. */
  hidden: z.int().min(1),
  activation: z.enum(activations).default('gelu'),
  /** SwiGLU and its like. */
  gated: z.boolean().default(false),
  /** 0: no classifier, features only. */
  classes: z.int().min(0).max(MOST_CLASSES),
  classToken: z.boolean().default(true),
  /** Learned tokens between the class token and the patches that no head reads. */
  registers: z.int().min(0).max(64).default(0),
  /** learned: one for the class token and each patch; rope: patches' queries and keys are turned (nn/rope.ts). */
  positions: z.enum(['learned', 'rope']).default('learned'),
  ropeTheta: z.number().positive().default(100),
  qkvBias: z.boolean().default(true),
  /** Initial gain of LayerScale; null leaves it out. */
  layerScale: z.number().nullable().default(null),
  normEpsilon: z.number().positive(),
  /** A LayerNorm before the first block (CLIP). */
  preNorm: z.boolean().default(false),
  /** What the last LayerNorm acts on: all tokens, or the class token alone, so that the patches stay as the last block leaves them (CLIP). */
  finalNorm: z.enum(['tokens', 'classToken']).default('tokens'),
  /** What the embedding is made of: the class token, the mean of the patches, or a probe that asks them (nn/attentionPool.ts). */
  pool: z.enum(['token', 'mean', 'attention']).default('token'),
  /** Width to which it is brought at last, by a product without bias (CLIP); null leaves it out. */
  projection: z.int().min(1).nullable().default(null),
  /** What a classifier sees; `tokenAndMean`: the class token and the mean of the patches, one after the other (DINOv2's); `mean`: the latter (CLIP's, SigLIP's). */
  headReads: z.enum(['embedding', 'tokenAndMean', 'mean']).default('embedding'),
  /** Stochastic depth rate of the last block; it rises from 0 in the first. */
  dropPath: z.number().min(0).max(1).default(0),
});

export type EncoderConfig = z.output<typeof encoderSchema>;

export function encoder(config: EncoderConfig): Model {
  return {
    family: 'encoder',
    config,
    classes: config.classes,
    imageSize: config.imageSize,
    features: [
      ...(config.classes > 0 ? (['logits'] as const) : []),
      'tokens',
      'ffn',
      'mha',
      ...(config.finalNorm === 'tokens' ? (['norm'] as const) : []),
      'attention',
      'pooled',
      'embedding',
      'dense',
    ],
    build: (scope, pixels) => build(scope, pixels, config),
  };
}

/**
 * Refuses settings that do not fit together.
 * @throws UserError
 */
export function checkEncoder(config: EncoderConfig): void {
  const { heads, width, imageSize, patchSize, classToken, registers, positions, pool, finalNorm, headReads } = config;
  const patches = Math.floor(imageSize / patchSize) ** 2;
  const refused = (wanted: string, got: unknown) => {
    throw new UserError(`model: ${wanted}, got ${String(got)}. Choose other settings of the encoder`);
  };
  if (patches > MOST_PATCHES) refused(`wanted at most ${MOST_PATCHES} patches`, patches);
  if (patches === 0) refused(`wanted an image of at least one patch of ${patchSize} px`, `${imageSize} px`);
  if (width % heads !== 0) refused(`wanted a width that is a multiple of ${heads} heads`, width);
  if (positions === 'rope' && (width / heads) % 4 !== 0)
    refused('wanted heads of a width that is a multiple of 4, for rotary positions', width / heads);
  if (!classToken && (pool === 'token' || finalNorm === 'classToken' || headReads === 'tokenAndMean' || registers > 0))
    refused('pool token, finalNorm classToken, headReads tokenAndMean and registers want a class token', 'none');
}

function gridOf({ imageSize, patchSize, classToken, registers }: EncoderConfig): Grid {
  const side = Math.floor(imageSize / patchSize);
  return { rows: side, columns: side, prefix: Number(classToken) + registers };
}

function build(s: Scope, pixels: Tensor, config: EncoderConfig): Features {
  const grid = gridOf(config);
  const embedded = embed(s, pixels, config, grid);
  let x = config.preNorm ? s.in('norm_pre', (s) => layerNorm(s, embedded, config.normEpsilon)) : embedded; // B N D
  const features = { tokens: [] as Tensor[], ffn: [] as Tensor[], mha: [] as Tensor[], attention: [] as Tensor[] };
  for (let i = 0; i < config.depth; i++) {
    const out = s.in(`blocks.${i}`, (s) => block(s, x, config, grid, i));
    x = out.tokens;
    for (const name of ['tokens', 'ffn', 'mha', 'attention'] as const) features[name].push(out[name]);
  }
  const normed = s.in('norm', (s) =>
    layerNorm(s, config.finalNorm === 'tokens' ? x : slice(x, 1, 0, 1), config.normEpsilon),
  );
  const whole = config.finalNorm === 'tokens' ? normed : x;
  const dense = { ...denseOfTokens(whole, grid), ...(WEAK.includes(config.kind) && { weak: true as const }) };
  const embedding = embeddingOf(s, normed, dense.tokens, config);
  const pooled = readByHead(normed, dense.tokens, embedding, config);
  const norm = config.finalNorm === 'tokens' ? { norm: normed } : {};
  const shared = { ...features, ...norm, pooled, embedding, dense, grid };
  if (config.classes === 0) return { logits: pooled, ...shared };
  return { logits: s.in('head', (s) => linear(s, pooled, config.classes)), ...shared };
}

/** [B,D] of the class token, which comes first. */
const classTokenOf = (normed: Tensor): Tensor => reshape(slice(normed, 1, 0, 1), [normed.shape[0]!, normed.shape[2]!]);
const meanOf = (patches: Tensor): Tensor => reduceMean(patches, { axes: [1] });

function readByHead(normed: Tensor, patches: Tensor, embedding: Tensor, { headReads }: EncoderConfig): Tensor {
  if (headReads === 'embedding') return embedding;
  return headReads === 'mean' ? meanOf(patches) : concat([classTokenOf(normed), meanOf(patches)], 1);
}

/** The image as a whole, [B,E]. */
function embeddingOf(s: Scope, normed: Tensor, patches: Tensor, config: EncoderConfig): Tensor {
  const { pool, projection, heads, hidden, activation, gated, normEpsilon } = config;
  const asked = () => s.in('pool', (s) => attentionPool(s, patches, { heads, hidden, activation, gated, normEpsilon }));
  const vector = pool === 'token' ? classTokenOf(normed) : pool === 'mean' ? meanOf(patches) : asked();
  return projection === null ? vector : s.in('projection', (s) => linear(s, vector, projection, { bias: false }));
}

interface BlockOutput {
  readonly tokens: Tensor;
  readonly ffn: Tensor;
  readonly mha: Tensor;
  readonly attention: Tensor;
}

function block(s: Scope, x: Tensor, config: EncoderConfig, grid: Grid, index: number): BlockOutput {
  const { heads, qkvBias, normEpsilon, layerScale: gain, positions, ropeTheta, depth, dropPath } = config;
  const rate = depth > 1 ? (dropPath * index) / (depth - 1) : 0;
  const scaled = (name: string, t: Tensor) => (gain === null ? t : s.in(name, (s) => layerScale(s, t, gain)));
  const turned = (t: Tensor) => (positions === 'rope' ? rotary(t, grid, ropeTheta) : t);
  const normed = s.in('norm1', (s) => layerNorm(s, x, normEpsilon));
  const scores = (_: Scope, q: Tensor, k: Tensor) => contentScores(turned(q), turned(k));
  const attended = s.in('attn', (s) => attention(s, normed, { heads, qkvBias, scores }));
  const middle = residual(s, 'dropPathAttn', x, scaled('ls1', attended.output), rate);
  const again = s.in('norm2', (s) => layerNorm(s, middle, normEpsilon));
  const ffn = s.in('mlp', (s) => feedForward(s, again, config));
  const tokens = residual(s, 'dropPathMlp', middle, scaled('ls2', ffn), rate);
  return { tokens, ffn, mha: attended.output, attention: attended.attention };
}

/** Patches behind class token and registers, with learned positions where there are some: [B,N,D]. Registers have none. */
function embed(s: Scope, pixels: Tensor, config: EncoderConfig, { rows, columns, prefix }: Grid): Tensor {
  const { width: D, patchSize, patchBias, classToken, registers, positions } = config;
  const Np = rows * columns;
  const options = { patchSize, width: D, rows, columns, bias: patchBias };
  const patches = s.in('patch_embed', (s) => s.in('proj', (s) => patchEmbed(s, pixels, options)));
  const learned = (name: string, count: number) => s.param(name, [1, count, D], TRUNCATED_02, false);
  const token = classToken ? [learned('cls_token', 1)] : [];
  const position = positions === 'learned' ? learned('pos_embed', Number(classToken) + Np) : undefined;
  const register = registers > 0 ? [learned('reg_token', registers)] : [];
  const at = (from: number, to: number) => position && slice(position, 1, from, to);
  const moved = (t: Tensor, by: Tensor | undefined) => (by ? add(t, by) : t);
  const first = [...token.map((t) => moved(t, at(0, 1))), ...register]; // 1 prefix D
  const placed = moved(patches, at(Number(classToken), Number(classToken) + Np));
  if (prefix === 0) return placed;
  // Tokens enter by a zero row and a sum, as in vit.ts: the batch size stands in no shape but reshapes.
  return add(pad(placed, [0, prefix, 0], [0, 0, 0]), pad(concat(first, 1), [0, 0, 0], [0, Np, 0]));
}
