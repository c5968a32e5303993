import { z } from 'zod';
import type { Tensor } from '../graph/tensor.ts';
import { attention, type Scores } from '../nn/attention.ts';
import { affine, fanInUniform, layerNorm, layerScale, linear, mlp, residual } from '../nn/layers.ts';
import { type Grid, mhcaScores } from '../nn/mhca.ts';
import { type Scope, TRUNCATED_02 } from '../nn/scope.ts';
import { add, mul } from '../ops/elementwise.ts';
import { concat, pad, reshape, slice, transpose } from '../ops/movement.ts';
import type { Features, Model } from './features.ts';

export const mhcaSchema = z.strictObject({
  /** The first `layers` blocks have MHCA. */
  layers: z.int().min(0),
  combine: z.enum(['sum', 'logits', 'gated']).default('sum'),
  dropout: z.number().min(0).max(1).default(0.1),
  locality: z.number().default(1),
});

/**
 * Vision Transformer (arXiv 2010.11929) as DeiT (2012.12877) and DeiT III (2204.07118) use it: pre-norm, exact GELU,
 * LayerNorm eps 1e-6, timm's parameter names.
 */
export const vitSchema = z.strictObject({
  imageSize: z.int().min(1),
  patchSize: z.int().min(1),
  width: z.int().min(1),
  depth: z.int().min(1),
  heads: z.int().min(1),
  mlpRatio: z.number().positive().default(4),
  classes: z.int().min(1),
  /** DeiT's second learned token with its own head. */
  distToken: z.boolean().default(false),
  /** Initial gain of LayerScale; null leaves it out. DeiT III: 1e-4. */
  layerScale: z.number().nullable().default(null),
  /** Stochastic depth rate of the last block; it rises linearly from 0. */
  dropPath: z.number().min(0).max(1).default(0),
  /** DeiT III: the class token has no position embedding. */
  posEmbedOnPatchesOnly: z.boolean().default(false),
  mhca: mhcaSchema.nullable().default(null),
});

export type VitConfig = z.output<typeof vitSchema>;

export function vit(config: VitConfig): Model {
  return {
    family: 'vit',
    config,
    classes: config.classes,
    imageSize: config.imageSize,
    features: [
      'logits',
      'tokens',
      'ffn',
      'mha',
      'norm',
      'attention',
      'pooled',
      ...(config.distToken ? (['distLogits'] as const) : []),
    ],
    build: (scope, pixels) => build(scope, pixels, config),
  };
}

export function vitGrid({ imageSize, patchSize, distToken }: VitConfig): Grid {
  const side = Math.floor(imageSize / patchSize);
  return { rows: side, columns: side, prefix: distToken ? 2 : 1 };
}

function build(s: Scope, pixels: Tensor, config: VitConfig): Features {
  const grid = vitGrid(config);
  let x = embed(s, pixels, config, grid); // B N D
  const features = { tokens: [] as Tensor[], ffn: [] as Tensor[], mha: [] as Tensor[], attention: [] as Tensor[] };
  let read = x;
  const again = s.remembering();
  for (let i = 0; i < config.depth; i++) {
    const from = x;
    const out = again.in(`blocks.${i}`, (s) => block(s, from, config, grid, i));
    x = out.tokens;
    for (const name of ['tokens', 'ffn', 'mha', 'attention'] as const) features[name].push(out[name]);
    if (i === config.depth - 1) read = again.in(`blocks.${i}`, (s) => readBlock(s, from, config, grid, i));
  }
  const norm = again.in('norm', (s) => layerNorm(s, x));
  const readNorm = again.in('norm', (s) => layerNorm(s, read)); // B prefix D
  const tokenAt = (at: number) => reshape(slice(readNorm, 1, at, at + 1), [norm.shape[0]!, config.width]); // B D
  const pooled = tokenAt(0);
  const logits = s.in('head', (s) => linear(s, pooled, config.classes));
  const heads = config.distToken ? { distLogits: s.in('head_dist', (s) => linear(s, tokenAt(1), config.classes)) } : {};
  return { logits, ...heads, ...features, norm, pooled, grid };
}

interface BlockOutput {
  readonly tokens: Tensor;
  readonly ffn: Tensor;
  readonly mha: Tensor;
  readonly attention: Tensor;
}

function block(s: Scope, x: Tensor, config: VitConfig, grid: Grid, index: number): BlockOutput {
  const mhca = config.mhca;
  const scores: Scores | undefined =
    mhca && index < mhca.layers ? (s, q, k) => mhcaScores(s, q, k, grid, mhca) : undefined;
  const normed = s.in('norm1', (s) => layerNorm(s, x));
  const attended = s.in('attn', (s) => attention(s, normed, config.heads, scores));
  return { ...branches(s, x, attended.output, config, index), attention: attended.attention };
}

/**
 * The same block for the tokens that the heads read alone, [B,prefix,D]: the other rows of a last block reach no head, so
 * their queries and their MLP need not be computed. In MHCA these tokens' rows are plain content attention.
 */
function readBlock(s: Scope, x: Tensor, config: VitConfig, { prefix }: Grid, index: number): Tensor {
  const readRows = (t: Tensor) => slice(t, 1, 0, prefix);
  const normed = s.in('norm1', (s) => layerNorm(s, x));
  const attended = s.in('attn', (s) => attention(s, normed, config.heads, undefined, readRows(normed)));
  return branches(s, readRows(x), attended.output, config, index).tokens;
}

/** The two residual sums of a block, given its attention's output. */
function branches(s: Scope, x: Tensor, mha: Tensor, config: VitConfig, index: number): Omit<BlockOutput, 'attention'> {
  const rate = config.depth > 1 ? (config.dropPath * index) / (config.depth - 1) : 0;
  const scaled = (name: string, t: Tensor) =>
    config.layerScale === null ? t : s.in(name, (s) => layerScale(s, t, config.layerScale!));
  const middle = residual(s, 'dropPathAttn', x, scaled('ls1', mha), rate);
  const normed = s.in('norm2', (s) => layerNorm(s, middle));
  const ffn = s.in('mlp', (s) => mlp(s, normed, Math.round(config.width * config.mlpRatio)));
  const tokens = residual(s, 'dropPathMlp', middle, scaled('ls2', ffn), rate);
  return { tokens, ffn, mha };
}

/** Patches, class (and distillation) token, positions: [B,N,D]. */
function embed(s: Scope, pixels: Tensor, config: VitConfig, { rows, columns, prefix }: Grid): Tensor {
  const { width: D, posEmbedOnPatchesOnly } = config;
  const [B, Np] = [pixels.shape[0]!, rows * columns];
  const patches = s.in('patch_embed', (s) =>
    s.in('proj', (s) => patchEmbed(s, pixels, config.patchSize, D, rows, columns)),
  );
  const cls = s.param('cls_token', [1, 1, D], TRUNCATED_02, false);
  const extra = config.distToken ? [s.param('dist_token', [1, 1, D], TRUNCATED_02, false)] : [];
  const tokens = concat([cls, ...extra], 1); // 1 prefix D
  const position = s.param('pos_embed', [1, posEmbedOnPatchesOnly ? Np : Np + prefix, D], TRUNCATED_02, false);
  // Tokens enter by a zero row and a sum, not by a copy for each image: the batch size stands in no shape but reshapes.
  const offset = posEmbedOnPatchesOnly
    ? concat([tokens, position], 1)
    : add(pad(tokens, [0, 0, 0], [0, Np, 0]), position);
  return add(pad(reshape(patches, [B, Np, D]), [0, prefix, 0], [0, 0, 0]), offset);
}

/** A convolution with kernel = stride = P, as a reordering and one product. */
function patchEmbed(s: Scope, pixels: Tensor, P: number, D: number, rows: number, columns: number): Tensor {
  const [B, C] = [pixels.shape[0]!, pixels.shape[1]!];
  const init = fanInUniform(C * P * P);
  const [weight, bias] = [s.param('weight', [D, C, P, P], init), s.param('bias', [D], init)];
  const cut = slice(slice(pixels, 2, 0, rows * P), 3, 0, columns * P);
  const tiles = transpose(reshape(cut, [B, C, rows, P, columns, P]), [0, 2, 4, 1, 3, 5]); // B rows columns C P P
  return affine(reshape(tiles, [B, rows * columns, C * P * P]), reshape(weight, [D, C * P * P]), bias);
}

/** At test time a two-headed DeiT answers with the mean of its heads (DeiT, section 5.2). */
export function answer({ logits, distLogits }: Features): Tensor {
  return distLogits ? mul(add(logits, distLogits), 0.5) : logits;
}
