import { z } from 'zod';
import { MOST_CLASSES, MOST_IMAGE_SIZE } from './limits.ts';
import type { Tensor } from '../graph/tensor.ts';
import { batchNorm, conv, fanInUniform, linear, type NormStat } from '../nn/layers.ts';
import type { Scope } from '../nn/scope.ts';
import { add, relu } from '../ops/elementwise.ts';
import { maxPool } from '../ops/pool.ts';
import { transpose } from '../ops/movement.ts';
import { reduceMean } from '../ops/reduce.ts';
import { denseOfMap } from './dense.ts';
import { cnnFeatures, type Features, type Model } from './features.ts';

/**
 * Residual networks (arXiv 1512.03385) with torchvision's parameter names and its stride on the bottleneck's 3x3.
 * The small stem is the CIFAR form of the paper's section 4.2: 3x3, stride 1, no pooling.
 */
export const resnetSchema = z.strictObject({
  imageSize: z.int().min(1).max(MOST_IMAGE_SIZE),
  stem: z.enum(['imagenet', 'small']),
  block: z.enum(['basic', 'bottleneck']),
  /** Blocks in each stage. */
  depths: z.array(z.int().min(1).max(200)).min(1).max(8),
  /** Width of each stage; a bottleneck's output is four times that. */
  widths: z.array(z.int().min(1)).min(1).max(8),
  /** 0: no classifier, features only. */
  classes: z.int().min(0).max(MOST_CLASSES),
});

export type ResnetConfig = z.output<typeof resnetSchema>;

const EXPANSION = { basic: 1, bottleneck: 4 } as const;

export function resnet(config: ResnetConfig): Model {
  return {
    family: 'resnet',
    config,
    classes: config.classes,
    imageSize: config.imageSize,
    features: cnnFeatures(config.classes),
    build: (scope, pixels) => build(scope, pixels, config),
  };
}

function build(s: Scope, pixels: Tensor, config: ResnetConfig): Features {
  const imagenet = config.stem === 'imagenet';
  const normStats: NormStat[] = [];
  const first = s.in('conv1', (s) =>
    conv(s, pixels, config.widths[0]!, imagenet ? 7 : 3, { stride: imagenet ? 2 : 1, padding: imagenet ? 3 : 1 }),
  );
  const stem = relu(s.in('bn1', (s) => batchNorm(s, first, normStats)));
  const maps: Record<string, Tensor> = { stem };
  let x = imagenet ? maxPool(stem, { kernel: 3, stride: 2, padding: 1 }) : stem;
  config.depths.forEach((depth, stage) => {
    for (let i = 0; i < depth; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      x = s.in(`layer${stage + 1}.${i}`, (s) =>
        residualBlock(s, x, config.widths[stage]!, stride, config.block, normStats),
      );
    }
    maps[`s${stage + 1}`] = x;
  });
  const pooled = reduceMean(x, { axes: [2, 3] }); // B C
  const shared = { maps, pooled, embedding: pooled, dense: denseOfMap(x), normStats };
  if (config.classes === 0) return { logits: pooled, ...shared };
  const init = fanInUniform(pooled.shape[1]!);
  const again = s.remembering();
  const classify = (x: Tensor) =>
    again.in('fc', (s) => linear(s, x, config.classes, { weightInit: init, biasInit: init }));
  // It is linear: its mean over the places is its answer to the mean.
  return { logits: classify(pooled), placeLogits: classify(transpose(x, [0, 2, 3, 1])), ...shared };
}

function residualBlock(
  s: Scope,
  x: Tensor,
  width: number,
  stride: number,
  kind: ResnetConfig['block'],
  normStats: NormStat[],
): Tensor {
  const out = width * EXPANSION[kind];
  const unit = (n: number, t: Tensor, channels: number, kernel: number, step: number) => {
    const y = s.in(`conv${n}`, (s) => conv(s, t, channels, kernel, { stride: step, padding: (kernel - 1) / 2 }));
    return s.in(`bn${n}`, (s) => batchNorm(s, y, normStats));
  };
  const branch = () => {
    if (kind === 'basic') return unit(2, relu(unit(1, x, width, 3, stride)), out, 3, 1);
    return unit(3, relu(unit(2, relu(unit(1, x, width, 1, 1)), width, 3, stride)), out, 1, 1);
  };
  const shortcut = () => {
    if (stride === 1 && x.shape[1] === out) return x;
    const y = s.in('downsample.0', (s) => conv(s, x, out, 1, { stride }));
    return s.in('downsample.1', (s) => batchNorm(s, y, normStats));
  };
  const y = branch();
  return relu(add(y, shortcut()));
}
