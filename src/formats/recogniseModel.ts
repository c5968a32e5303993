import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import { showShape } from '../graph/shape.ts';
import { type ModelConfig, modelConfigSchema, VARIANTS } from '../models/index.ts';
import type { Convention } from './names/conventions.ts';
import { encoderSettings } from './recogniseEncoder.ts';
import { type ModelHints, ShapeReader, type Shapes } from './shapeReader.ts';

/**
 * The model that parameters of these names (ours) and shapes belong to. Depth, widths, patch, tokens and classes are read off
 * the shapes; a part that the file lacks comes out in the diff of `checkWeights`.
 * @throws UserError where they belong to none, or the heads cannot be known.
 */
export function recogniseModel(
  { family, kind }: Pick<Convention, 'family' | 'kind'>,
  shapes: Shapes,
  hints: ModelHints,
  where: string,
): ModelConfig {
  const read = new ShapeReader(shapes, where);
  const settings = {
    vit: vitSettings,
    resnet: resnetSettings,
    regnet: regnetSettings,
    encoder: (read: ShapeReader, hints: ModelHints) => encoderSettings(read, { ...hints, of: kind! }),
  }[family](read, hints);
  const checked = modelConfigSchema.safeParse({ family, ...settings });
  if (!checked.success)
    throw new UserError(
      `${where}: the weights belong to no ${family} that can be built: ${z.prettifyError(checked.error)}`,
    );
  return checked.data;
}

function vitSettings(read: ShapeReader, hints: ModelHints) {
  const { out: width, kernel: patchSize } = read.pixelKernel('patch_embed.proj.weight');
  const depth = read.count(/^blocks\.(\d+)\./);
  const [classToken, distToken] = [read.has('cls_token'), read.has('dist_token')];
  const poolNorm = read.has('fc_norm.weight');
  const { side, posEmbedOnPatchesOnly } = positions(read, Number(classToken) + Number(distToken));
  const layerScale = read.has('blocks.0.ls1.gamma') ? 1e-4 : null;
  return {
    imageSize: hints.imageSize ?? side * patchSize,
    patchSize,
    width,
    depth,
    heads: hints.heads ?? headsFor(width, depth, read.where),
    mlpRatio: read.get('blocks.0.mlp.fc1.weight', 2)[0]! / width,
    classes: read.classes('head'),
    classToken,
    distToken,
    distHead: !distToken || read.has('head_dist.weight'),
    pool: hints.pool ?? (poolNorm || !classToken ? 'mean' : 'token'),
    poolNorm,
    qkvBias: read.has('blocks.0.attn.qkv.bias'),
    layerScale,
    posEmbedOnPatchesOnly,
    // DeiT III's, should it be trained further; others' drop path rises.
    ...(layerScale !== null && posEmbedOnPatchesOnly ? { dropPathForm: 'constant' } : {}),
    ...(hints.normEpsilon === undefined ? {} : { normEpsilon: hints.normEpsilon }),
  };
}

/** The square grid that the position embeddings lie on; they may or may not have rows for the tokens before it. */
function positions(read: ShapeReader, prefix: number): { side: number; posEmbedOnPatchesOnly: boolean } {
  const shape = read.get('pos_embed', 3);
  const all = Math.sqrt(shape[1]! - prefix);
  if (Number.isInteger(all) && all > 0) return { side: all, posEmbedOnPatchesOnly: false };
  const patches = Math.sqrt(shape[1]!);
  if (Number.isInteger(patches)) return { side: patches, posEmbedOnPatchesOnly: true };
  throw new UserError(
    `${read.where}: wanted position embeddings of a square grid and ${prefix} tokens, got pos_embed ${showShape(shape)}`,
  );
}

/** Heads leave no trace in the shapes: those of the known models of this width, where they agree. */
function headsFor(width: number, depth: number, where: string): number {
  const known = Object.values(VARIANTS)
    .map(({ settings }) => settings)
    .filter((settings) => settings.width === width);
  const heads = (of: typeof known) => [...new Set(of.map((settings) => settings.heads as number))];
  for (const found of [heads(known), heads(known.filter((settings) => settings.depth === depth))])
    if (found.length === 1) return found[0]!;
  throw new UserError(
    `${where}: the number of attention heads is not in the shapes, and no known model has width ${width}. Put a config.json with "num_attention_heads" beside the file, or for --init give --set student.settings.heads=N`,
  );
}

function resnetSettings(read: ShapeReader, hints: ModelHints) {
  const { kernel } = read.pixelKernel('conv1.weight');
  if (kernel !== 7 && kernel !== 3)
    throw new UserError(`${read.where}: wanted a ResNet stem of 7x7 or 3x3, got ${kernel}x${kernel}`);
  const stages = numbers(read.count(/^layer(\d+)\./));
  return {
    imageSize: hints.imageSize ?? (kernel === 7 ? 224 : 32),
    stem: kernel === 7 ? 'imagenet' : 'small',
    block: read.has('layer1.0.conv3.weight') ? 'bottleneck' : 'basic',
    depths: stages.map((stage) => read.count(new RegExp(`^layer${stage}\\.(\\d+)\\.`))),
    widths: stages.map((stage) => read.get(`layer${stage}.0.conv1.weight`, 4)[0]!),
    classes: read.classes('fc'),
  };
}

function regnetSettings(read: ShapeReader, hints: ModelHints) {
  const stages = numbers(read.count(/^s(\d+)\.b\d+\./));
  const { out: stemWidth } = read.pixelKernel('stem.conv.weight');
  return {
    imageSize: hints.imageSize ?? 224,
    stemWidth,
    depths: stages.map((stage) => read.count(new RegExp(`^s${stage}\\.b(\\d+)\\.`))),
    widths: stages.map((stage) => read.get(`s${stage}.b1.conv3.conv.weight`, 4)[0]!),
    groupWidth: read.get('s1.b1.conv2.conv.weight', 4)[1]!,
    seRatio: read.get('s1.b1.se.fc1.weight', 4)[0]! / stemWidth,
    classes: read.classes('head.fc'),
  };
}

/** 1, 2, ..., n; at most as many as a model may have stages, so that odd names cannot ask for more. */
const numbers = (n: number): number[] => Array.from({ length: Math.min(n, 9) }, (_, i) => i + 1);
