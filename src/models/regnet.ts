import { z } from 'zod';
import { MOST_CLASSES, MOST_IMAGE_SIZE } from './limits.ts';
import type { Tensor } from '../graph/tensor.ts';
import { batchNorm, conv, fanInUniform, linear, type NormStat, squeezeExcite } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { add, relu } from '../ops/elementwise.ts';
import { transpose } from '../ops/movement.ts';
import { reduceMean } from '../ops/reduce.ts';
import { denseOfMap } from './dense.ts';
import { cnnFeatures, type Features, type Model } from './features.ts';

/**
 * RegNetY (arXiv 2003.13678, figures 4 and 22): a 3x3 stem of stride 2, then stages of bottleneck blocks with ratio 1, grouped
 * 3x3 convolutions and squeeze-and-excitation. timm's parameter names.
 */
export const regnetSchema = z.strictObject({
  imageSize: z.int().min(1).max(MOST_IMAGE_SIZE),
  stemWidth: z.int().min(1).default(32),
  /** Blocks in each stage; each stage begins with stride 2. */
  depths: z.array(z.int().min(1).max(200)).min(1).max(8),
  widths: z.array(z.int().min(1)).min(1).max(8),
  /** Channels in a group of the 3x3 convolutions; it divides every width. */
  groupWidth: z.int().min(1),
  /** Inner width of squeeze-and-excitation as a share of the block's INPUT width (section 5: 1/4). */
  seRatio: z.number().positive().default(0.25),
  /** 0: no classifier, features only. */
  classes: z.int().min(0).max(MOST_CLASSES),
});

export type RegnetConfig = z.output<typeof regnetSchema>;

export function regnet(config: RegnetConfig): Model {
  return {
    family: 'regnet',
    config,
    classes: config.classes,
    imageSize: config.imageSize,
    features: cnnFeatures(config.classes),
    build: (scope, pixels) => build(scope, pixels, config),
  };
}

/** Convolution and BatchNorm under timm's names: `name.conv.weight`, `name.bn.*`. */
function convNorm(
  s: Scope,
  name: string,
  x: Tensor,
  width: number,
  kernel: number,
  stride: number,
  normStats: NormStat[],
  groups = 1,
): Tensor {
  return s.in(name, (s) => {
    const y = s.in('conv', (s) => conv(s, x, width, kernel, { stride, padding: (kernel - 1) / 2, groups }));
    return s.in('bn', (s) => batchNorm(s, y, normStats));
  });
}

function build(s: Scope, pixels: Tensor, config: RegnetConfig): Features {
  const normStats: NormStat[] = [];
  const stem = relu(convNorm(s, 'stem', pixels, config.stemWidth, 3, 2, normStats));
  const maps: Record<string, Tensor> = { stem };
  let x = stem;
  config.depths.forEach((depth, stage) => {
    for (let i = 0; i < depth; i++)
      x = s.in(`s${stage + 1}.b${i + 1}`, (s) =>
        block(s, x, config.widths[stage]!, i === 0 ? 2 : 1, config, normStats),
      );
    maps[`s${stage + 1}`] = x;
  });
  const pooled = reduceMean(x, { axes: [2, 3] }); // B C
  const shared = { maps, pooled, embedding: pooled, dense: denseOfMap(x), normStats };
  if (config.classes === 0) return { logits: pooled, ...shared };
  const init = fanInUniform(pooled.shape[1]!);
  const again = s.remembering();
  const classify = (x: Tensor) =>
    again.in('head.fc', (s) => linear(s, x, config.classes, { weightInit: init, biasInit: init }));
  // It is linear: its mean over the places is its answer to the mean.
  return { logits: classify(pooled), placeLogits: classify(transpose(x, [0, 2, 3, 1])), ...shared };
}

function block(
  s: Scope,
  x: Tensor,
  width: number,
  stride: number,
  { groupWidth, seRatio }: RegnetConfig,
  normStats: NormStat[],
): Tensor {
  const inner = relu(convNorm(s, 'conv1', x, width, 1, 1, normStats));
  const grouped = relu(convNorm(s, 'conv2', inner, width, 3, stride, normStats, width / groupWidth));
  const squeezed = Math.round(x.shape[1]! * seRatio);
  const excited = s.in('se', (s) => squeezeExcite(s, grouped, squeezed));
  const branch = convNorm(s, 'conv3', excited, width, 1, 1, normStats);
  const same = stride === 1 && x.shape[1] === width;
  return relu(add(branch, same ? x : convNorm(s, 'downsample', x, width, 1, stride, normStats)));
}

export interface QuantisedWidths {
  readonly depths: number[];
  readonly widths: number[];
}

/**
 * Depths and widths of a RegNet from its four numbers (section 3.3, equations 2 to 4): u_j = initial + slope * j, rounded to
 * initial * multiplier^s with whole s, then to a multiple of 8; stages are runs of equal width, which are rounded to whole
 * groups in the end. Halves go to the even number, as in the authors' numpy (pycls) and in timm: 136 / 16 = 8.5 gives
 * regnety_008 its 128. torchvision's 144 (and 320, 784) is read from a file's shapes, as any other.
 */
export function regnetWidths(
  initial: number,
  slope: number,
  multiplier: number,
  depth: number,
  groupWidth: number,
): QuantisedWidths {
  const depths = new Map<number, number>();
  for (let j = 0; j < depth; j++) {
    const power = toEven(Math.log((initial + slope * j) / initial) / Math.log(multiplier));
    const width = toEven((initial * multiplier ** power) / 8) * 8;
    depths.set(width, (depths.get(width) ?? 0) + 1);
  }
  const widths = [...depths.keys()].map((width) => toEven(width / groupWidth) * groupWidth);
  return { depths: [...depths.values()], widths };
}

/** The nearest whole number, of two the even one. */
function toEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}
