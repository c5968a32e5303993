import { z } from 'zod';
import { MOST_CLASSES, MOST_IMAGE_SIZE, MOST_PATCHES } from './limits.ts';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { attention, attentionOf, type Scores } from '../nn/attention.ts';
import { layerNorm, layerScale, linear, mlp, residual } from '../nn/layers.ts';
import { keptPatches, keptTokens } from '../nn/keptTokens.ts';
import { type Grid, mhcaScores } from '../nn/mhca.ts';
import { patchEmbed } from '../nn/patches.ts';
import { positions } from '../nn/positions.ts';
import { type Init, type ParamSpec, type Scope, TRUNCATED_02 } from '../nn/scope.ts';
import { add, mul } from '../ops/elementwise.ts';
import { concat, pad, reshape, slice } from '../ops/movement.ts';
import { reduceMean } from '../ops/reduce.ts';
import { denseOfTokens } from './dense.ts';
import type { Features, Model } from './features.ts';
import { blockShape, checkWidths, headWidth, widened, widthsShape } from './widths.ts';

export const mhcaSchema = z.strictObject({
  /** The first `layers` blocks have MHCA. */
  layers: z.int().min(0),
  combine: z.enum(['sum', 'logits', 'gated']).default('sum'),
  dropout: z.number().min(0).max(1).default(0.1),
  locality: z.number().default(1),
});

/**
 * Vision Transformer (arXiv 2010.11929) as DeiT (2012.12877) and DeiT III (2204.07118) use it: pre-norm, exact GELU,
 * timm's parameter names. The forms without class token and with a mean over the patches are timm's `gap` variants.
 */
export const vitSchema = z.strictObject({
  imageSize: z.int().min(1).max(MOST_IMAGE_SIZE),
  patchSize: z.int().min(1),
  width: z.int().min(1),
  depth: z.int().min(1).max(200),
  heads: z.int().min(1),
  mlpRatio: z.number().positive().default(4),
  /** 0: no classifier, features only. */
  classes: z.int().min(0).max(MOST_CLASSES),
  /** False: patches alone, so that `pool` is 'mean'. */
  classToken: z.boolean().default(true),
  /** DeiT's second learned token with its own head. */
  distToken: z.boolean().default(false),
  /** False: the distillation token is there but its head is not, and the answer is the class token's. */
  distHead: z.boolean().default(true),
  /** What the head sees: the class token, or the mean of the patch tokens. */
  pool: z.enum(['token', 'mean']).default('token'),
  /** The final LayerNorm acts on the pooled vector (timm's `fc_norm`) and not on the tokens. */
  poolNorm: z.boolean().default(false),
  /** False: no biases in the products that give queries, keys and values. */
  qkvBias: z.boolean().default(true),
  /** 1e-6 in timm and torchvision; transformers' ViTs mostly 1e-12. */
  normEpsilon: z.number().positive().default(1e-6),
  /** Initial gain of LayerScale; null leaves it out. DeiT III: 1e-4. */
  layerScale: z.number().nullable().default(null),
  /** Stochastic depth rate of the last block. */
  dropPath: z.number().min(0).max(1).default(0),
  /** linear: it rises from 0 in the first block (DeiT); constant: every block has it (DeiT III's models_v2.py). */
  dropPathForm: z.enum(['linear', 'constant']).default('linear'),
  /** Share of the patches that a training step leaves out, drawn anew for each image (PatchDropout); evaluation sees all. */
  patchDropout: z.number().min(0).lt(1).default(0),
  /** DeiT III: the class token has no position embedding. */
  posEmbedOnPatchesOnly: z.boolean().default(false),
  /**
   * How the weights of linear layers begin: normal with deviation 0.02, as timm's; or 1 / sqrt(inputs) (LeCun), by which a layer's
   * outputs are as large as its inputs whatever its width. At width 768 the first is half the second, at 64 a sixth.
   */
  linearInit: z.enum(['fixed', 'fanIn']).default('fixed'),
  /**
   * How position embeddings begin: random with deviation 0.02, as timm's; or the sines and cosines of a patch's column and row, by which
   * near patches are alike from the first step (MoCo v3, arXiv 2104.02057, which keeps them so; here they learn on).
   */
  positionInit: z.enum(['random', 'sincos']).default('random'),
  mhca: mhcaSchema.nullable().default(null),
  /** The mean of the distillation head's answers at the patches is a third vote beside the two heads' (CSKD). */
  patchVote: z.boolean().default(false),
  ...widthsShape,
});

export type VitConfig = z.output<typeof vitSchema>;

export function vit(config: VitConfig): Model {
  return {
    family: 'vit',
    config,
    classes: config.classes,
    imageSize: config.imageSize,
    features: [
      ...(config.classes > 0 ? (['logits', 'placeLogits'] as const) : []),
      'tokens',
      'ffn',
      'mha',
      'norm',
      'attention',
      'pooled',
      'embedding',
      'dense',
      ...(hasDistHead(config) ? (['distLogits', 'patchDistLogits'] as const) : []),
    ],
    build: (scope, pixels) => build(config.linearInit === 'fanIn' ? scope.beginning(fanIn) : scope, pixels, config),
  };
}

/** Of a linear layer's weight [out, in]; all else begins as its layer says. */
const fanIn = ({ init, shape }: ParamSpec): Init =>
  init === TRUNCATED_02 && shape.length === 2 ? { kind: 'normal', std: 1 / Math.sqrt(shape[1]!) } : init;

const hasDistHead = ({ distToken, distHead, classes }: VitConfig): boolean => distToken && distHead && classes > 0;

export function vitGrid({ imageSize, patchSize, classToken, distToken }: VitConfig): Grid {
  const side = Math.floor(imageSize / patchSize);
  return { rows: side, columns: side, prefix: Number(classToken) + Number(distToken) };
}

/** MHCA holds a constant for each pair of patches; far above any real model. */
const MAX_MHCA_PATCHES = 4_096;

/**
 * Refuses settings that do not fit together.
 * @throws UserError
 */
export function checkVit(config: VitConfig): void {
  const { heads, width, imageSize, patchSize, classToken, distToken, distHead, patchVote, pool, mhca } = config;
  checkWidths(config);
  if (mhca !== null && mhca.layers > 0 && config.patchDropout > 0)
    throw new UserError(
      `model: patchDropout: MHCA layers want all patches in their places, got patchDropout ${config.patchDropout}. Set it 0, or mhca null`,
    );
  const patches = Math.floor(imageSize / patchSize) ** 2;
  const most = mhca === null ? MOST_PATCHES : MAX_MHCA_PATCHES;
  if (patches > most)
    throw new UserError(
      `model: wanted at most ${most} patches, got ${patches} (imageSize ${imageSize}, patchSize ${patchSize})`,
    );
  if (width % heads !== 0) throw new UserError(`model: width ${width} is not a multiple of ${heads} heads`);
  if (imageSize < patchSize) throw new UserError(`model: an image of ${imageSize} px has no patch of ${patchSize} px`);
  if (!classToken && pool === 'token')
    throw new UserError('model: pool token needs a class token; wanted classToken true or pool mean');
  if (!classToken && distToken)
    throw new UserError('model: a distillation token needs a class token; wanted classToken true or distToken false');
  if (patchVote && !(distToken && distHead))
    throw new UserError(
      `model: patchVote: the vote is the distillation head's, so wanted distToken true and distHead true, got ${distToken} and ${distHead}. Set both, or patchVote false`,
    );
}

function build(s: Scope, pixels: Tensor, config: VitConfig): Features {
  // Smaller images than the model's own have fewer patches, and positions that are resized.
  const grid = vitGrid({ ...config, imageSize: pixels.shape[2]! });
  const count = s.training ? keptPatches(grid.rows * grid.columns, config.patchDropout) : grid.rows * grid.columns;
  const thinned = count < grid.rows * grid.columns;
  const embedded = embed(s, pixels, config, grid);
  let x = thinned ? keptTokens(s, embedded, grid.prefix, count) : embedded; // B N D
  const features = { tokens: [] as Tensor[], ffn: [] as Tensor[], mha: [] as Tensor[], attention: [] as Tensor[] };
  let read = x;
  const again = s.remembering();
  for (let i = 0; i < config.depth; i++) {
    const from = again.in(`blocks.${i}`, (s) => ofWidth(s, x, blockShape(config, i).width));
    const out = again.in(`blocks.${i}`, (s) => block(s, from, config, grid, i));
    x = out.tokens;
    for (const name of ['tokens', 'ffn', 'mha', 'attention'] as const) features[name].push(out[name]);
    // Where a head reads the mean of the patches, all rows are read.
    const cut = i === config.depth - 1 && config.pool === 'token' && !config.patchVote;
    read = cut ? again.in(`blocks.${i}`, (s) => readBlock(s, from, config, grid, i)) : x;
  }
  const [norm, readNorm] = [finalNorm(again, x, config), finalNorm(again, read, config)]; // read: B prefix D, or all tokens for the mean
  const tokenAt = (at: number) => reshape(slice(readNorm, 1, at, at + 1), [norm.shape[0]!, headWidth(config)]); // B D
  const patches = slice(norm, 1, grid.prefix, norm.shape[1]!); // B rows*columns D
  const mean = () => reduceMean(patches, { axes: [1] }); // B D
  const chosen = config.pool === 'token' ? tokenAt(0) : mean();
  const beforeHead = (x: Tensor) =>
    config.poolNorm ? again.in('fc_norm', (s) => layerNorm(s, x, config.normEpsilon)) : x;
  const pooled = beforeHead(chosen);
  const places = thinned ? {} : { dense: denseOfTokens(norm, grid), grid };
  const shared = { ...features, norm, pooled, embedding: pooled, ...places };
  if (config.classes === 0) return { logits: pooled, ...shared };
  const head = (name: string, x: Tensor) => again.in(name, (s) => linear(s, x, config.classes));
  const onGrid = (x: Tensor) => reshape(x, [x.shape[0]!, grid.rows, grid.columns, config.classes]);
  const given = {
    ...{ logits: head('head', pooled), ...shared },
    ...(thinned ? {} : { placeLogits: onGrid(head('head', beforeHead(patches))) }),
  };
  if (!hasDistHead(config)) return given;
  const distLogits = head('head_dist', tokenAt(1));
  const heads = {
    ...{ ...given, distLogits },
    ...(thinned ? {} : { patchDistLogits: onGrid(head('head_dist', patches)) }),
  };
  return config.patchVote ? { ...heads, patchVote: head('head_dist', mean()) } : heads;
}

/** The tokens as a block takes them. */
function ofWidth(s: Scope, x: Tensor, width: number): Tensor {
  return x.shape[2] === width ? x : s.in('widen', (s) => widened(s, x, width, 1e-6));
}

/** What stands behind the last block: a LayerNorm, a lift to another width, or nothing where the pooled vector is normed. */
function finalNorm(s: Scope, x: Tensor, { poolNorm, lift, normEpsilon }: VitConfig): Tensor {
  if (lift !== null) return s.in('lift', (s) => widened(s, x, lift, 1e-5));
  return poolNorm ? x : s.in('norm', (s) => layerNorm(s, x, normEpsilon));
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
  const normed = s.in('norm1', (s) => layerNorm(s, x, config.normEpsilon));
  const { qkvBias } = config;
  const { heads } = blockShape(config, index);
  const attended = s.in('attn', (s) => attention(s, normed, { heads, qkvBias, ...(scores ? { scores } : {}) }));
  return { ...branches(s, x, attended.output, config, index), attention: attended.attention };
}

/**
 * The same block for the tokens that the heads read alone, [B,prefix,D]: the other rows of a last block reach no head, so
 * their queries and their MLP need not be computed. In MHCA these tokens' rows are plain content attention.
 */
function readBlock(s: Scope, x: Tensor, config: VitConfig, { prefix }: Grid, index: number): Tensor {
  const readRows = (t: Tensor) => slice(t, 1, 0, prefix);
  const normed = s.in('norm1', (s) => layerNorm(s, x, config.normEpsilon));
  const { qkvBias } = config;
  const { heads } = blockShape(config, index);
  const attended = s.in('attn', (s) => attentionOf(s, readRows(normed), normed, { heads, qkvBias }));
  return branches(s, readRows(x), attended, config, index).tokens;
}

/** The stochastic depth rate of a block. */
function dropPathRate({ dropPath, dropPathForm, depth }: VitConfig, index: number): number {
  if (dropPathForm === 'constant') return dropPath;
  return depth > 1 ? (dropPath * index) / (depth - 1) : 0;
}

/** The two residual sums of a block, given its attention's output. */
function branches(s: Scope, x: Tensor, mha: Tensor, config: VitConfig, index: number): Omit<BlockOutput, 'attention'> {
  const rate = dropPathRate(config, index);
  const scaled = (name: string, t: Tensor) =>
    config.layerScale === null ? t : s.in(name, (s) => layerScale(s, t, config.layerScale!));
  const middle = residual(s, 'dropPathAttn', x, scaled('ls1', mha), rate);
  const normed = s.in('norm2', (s) => layerNorm(s, middle, config.normEpsilon));
  const ffn = s.in('mlp', (s) => mlp(s, normed, Math.round(middle.shape[2]! * config.mlpRatio)));
  const tokens = residual(s, 'dropPathMlp', middle, scaled('ls2', ffn), rate);
  return { tokens, ffn, mha };
}

/** Patches, class (and distillation) token, positions: [B,N,D]. */
function embed(s: Scope, pixels: Tensor, config: VitConfig, grid: Grid): Tensor {
  const { rows, columns, prefix } = grid;
  const { width: D, posEmbedOnPatchesOnly } = config;
  const [B, Np] = [pixels.shape[0]!, rows * columns];
  const patches = s.in('patch_embed', (s) =>
    s.in('proj', (s) => patchEmbed(s, pixels, { patchSize: config.patchSize, width: D, rows, columns })),
  );
  const token = (name: string) => s.param(name, [1, 1, D], TRUNCATED_02, false);
  const learned = [
    ...(config.classToken ? [token('cls_token')] : []),
    ...(config.distToken ? [token('dist_token')] : []),
  ];
  const own = vitGrid(config);
  const lead = posEmbedOnPatchesOnly ? 0 : own.prefix;
  const position = positions(s, { own, grid, lead, width: D, start: config.positionInit });
  if (learned.length === 0) return add(reshape(patches, [B, Np, D]), position);
  const tokens = concat(learned, 1); // 1 prefix D
  // Tokens enter by a zero row and a sum, not by a copy for each image: the batch size stands in no shape but reshapes.
  const offset = posEmbedOnPatchesOnly
    ? concat([tokens, position], 1)
    : add(pad(tokens, [0, 0, 0], [0, Np, 0]), position);
  return add(pad(reshape(patches, [B, Np, D]), [0, prefix, 0], [0, 0, 0]), offset);
}

/** Who has a say at test time: the class head, and where there are such the distillation head and its mean over the patches, [B,K] each. */
export const votes = ({ logits, distLogits, patchVote }: Features): Tensor[] => [
  logits,
  ...(distLogits ? [distLogits] : []),
  ...(distLogits && patchVote ? [patchVote] : []),
];

/** At test time a two-headed DeiT answers with the mean of its heads (DeiT, section 5.2), CSKD's student (arXiv 2307.08500) with that of three votes. */
export function answer(features: Features): Tensor {
  const all = votes(features);
  return all.length === 1
    ? all[0]!
    : mul(
        all.reduce((a, b) => add(a, b)),
        1 / all.length,
      );
}
