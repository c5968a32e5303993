import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { add, mul, relu, sigmoid } from '../ops/elementwise.ts';
import { gelu, scaledGelu } from '../ops/gelu.ts';
import { conv as convOp, type ConvOptions } from '../ops/conv.ts';
import { gemm } from '../ops/matmul.ts';
import { reshape } from '../ops/movement.ts';
import { batchNormEval, batchNormTraining, layerNorm as layerNormOp } from '../ops/norm.ts';
import { reduceMean } from '../ops/reduce.ts';
import { type Init, ONES, type Scope, TRUNCATED_02, ZEROS } from './scope.ts';

/** PyTorch's default for linear and convolution weights: kaiming_uniform(a = sqrt 5), which is U(-1/sqrt(fanIn), ...). */
export const fanInUniform = (fanIn: number): Init => ({ kind: 'uniform', bound: 1 / Math.sqrt(fanIn) });

export interface LinearOptions {
  readonly bias?: boolean;
  readonly weightInit?: Init;
  readonly biasInit?: Init;
}

/** x [..., in] -> [..., out]; weight [out, in] as in PyTorch. */
export function linear(
  s: Scope,
  x: Tensor,
  out: number,
  { bias = true, weightInit = TRUNCATED_02, biasInit = ZEROS }: LinearOptions = {},
): Tensor {
  const D = x.shape.at(-1)!;
  const weight = s.param('weight', [out, D], weightInit);
  const b = bias ? s.param('bias', [out], biasInit) : undefined;
  return affine(x, weight, b);
}

/** alpha x W' + b over the last axis. */
export function affine(x: Tensor, weight: Tensor, bias?: Tensor, alpha = 1): Tensor {
  const [rows, D] = [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!];
  const y = gemm(reshape(x, [rows, D]), weight, bias, { transB: true, alpha });
  return reshape(y, [...x.shape.slice(0, -1), weight.shape[0]!]);
}

export function layerNorm(s: Scope, x: Tensor, epsilon = 1e-6): Tensor {
  const D = x.shape.at(-1)!;
  return layerNormOp(x, s.param('weight', [D], ONES), s.param('bias', [D], ZEROS), epsilon);
}

/** Two linear layers with a GELU between them; while training, its factors are the layers' (see `scaledGelu`). */
export function mlp(s: Scope, x: Tensor, hidden: number): Tensor {
  const D = x.shape.at(-1)!;
  if (!s.training) {
    const h = gelu(s.in('fc1', (s) => linear(s, x, hidden)));
    return s.in('fc2', (s) => linear(s, h, D));
  }
  const dense = (t: Tensor, out: number, gain: number, biasGain: number) => (s: Scope) => {
    const weight = s.param('weight', [out, t.shape.at(-1)!], TRUNCATED_02);
    return affine(t, weight, mul(s.param('bias', [out], ZEROS), biasGain), gain);
  };
  const h = scaledGelu(s.in('fc1', dense(x, hidden, Math.SQRT1_2, Math.SQRT1_2)));
  return s.in('fc2', dense(h, D, Math.SQRT2, 1));
}

/** LayerScale: a learned gain a channel. Source: CaiT, arXiv 2103.17239. */
export function layerScale(s: Scope, x: Tensor, init: number): Tensor {
  return mul(x, s.param('gamma', [x.shape.at(-1)!], { kind: 'constant', value: init }));
}

/** Stochastic depth: x + branch, the branch left out of a sample with probability `rate` and scaled up otherwise (arXiv 1603.09382). */
export function residual(s: Scope, name: string, x: Tensor, branch: Tensor, rate: number): Tensor {
  if (!s.training || rate === 0) return add(x, branch);
  const B = x.shape[0]!;
  const keep = s.noise(name, [B], 1 - rate);
  const gain = reshape(mul(keep, 1 / (1 - rate)), [B, ...x.shape.slice(1).map(() => 1)]);
  return add(x, mul(branch, gain));
}

/** Convolution without bias, kaiming_normal(fan_out, relu), as in torchvision's ResNet. x [B,C,h,w], weight [out,C,k,k]. */
export function conv(s: Scope, x: Tensor, out: number, kernel: number, options: ConvOptions = {}): Tensor {
  const std = Math.sqrt(2 / (out * kernel * kernel));
  return convOp(
    x,
    s.param('weight', [out, x.shape[1]! / (options.groups ?? 1), kernel, kernel], { kind: 'normal', std }),
    undefined,
    options,
  );
}

/** PyTorch's momentum: the weight of the new batch in the running statistics. */
const BATCH_NORM_MOMENTUM = 0.1;

/** A BatchNorm's input [B,C,...], parameters and running statistics [C]. */
export interface BatchNormParts {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly epsilon: number;
  /** PyTorch's: the weight of the new batch. */
  readonly momentum: number;
}

/** Normalises by the batch; gives the result and the running statistics after it (the unbiased variance, as PyTorch). */
export function batchNormStep({
  x,
  weight,
  bias,
  mean,
  variance,
  epsilon,
  momentum,
}: BatchNormParts): readonly [y: Tensor, after: { readonly mean: Tensor; readonly variance: Tensor }] {
  const [y, batchMean, batchVariance] = batchNormTraining(x, weight, bias, epsilon);
  const n = sizeOf(x.shape) / x.shape[1]!;
  const blend = (old: Tensor, now: Tensor, gain: number) => add(mul(old, 1 - momentum), mul(now, momentum * gain));
  return [y, { mean: blend(mean, batchMean, 1), variance: blend(variance, batchVariance, n / Math.max(n - 1, 1)) }];
}

/** The input [B,C,h,w] of a BatchNorm and its running statistics [C]. */
export interface NormStat {
  readonly name: string;
  readonly input: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * BatchNorm2d over [B,C,h,w]; in training it updates running_mean and running_var (the unbiased variance, as PyTorch). It adds
 * itself to `seen`.
 */
export function batchNorm(s: Scope, x: Tensor, seen?: NormStat[], epsilon = 1e-5): Tensor {
  const C = x.shape[1]!;
  const [weight, bias] = [s.param('weight', [C], ONES), s.param('bias', [C], ZEROS)];
  const [mean, variance] = [s.buffer('running_mean', [C], ZEROS), s.buffer('running_var', [C], ONES)];
  seen?.push({ name: s.path, input: x, mean, variance });
  if (!s.training) return batchNormEval(x, weight, bias, mean, variance, epsilon);
  const [y, after] = batchNormStep({ x, weight, bias, mean, variance, epsilon, momentum: BATCH_NORM_MOMENTUM });
  s.update('running_mean', after.mean);
  s.update('running_var', after.variance);
  return y;
}

/**
 * Squeeze-and-excitation over [B,C,h,w] (arXiv 1709.01507, section 3): x times sigmoid(W2 relu(W1 mean(x))), a gain a channel.
 * timm's names `fc1` and `fc2`, 1x1 convolutions with bias: weight [out,in,1,1].
 */
export function squeezeExcite(s: Scope, x: Tensor, squeezed: number): Tensor {
  const [B, C] = [x.shape[0]!, x.shape[1]!];
  const dense = (name: string, t: Tensor, out: number) =>
    s.in(name, (s) => {
      const from = t.shape[1]!;
      const [weight, bias] = [
        s.param('weight', [out, from, 1, 1], fanInUniform(from)),
        s.param('bias', [out], fanInUniform(from)),
      ];
      return affine(t, reshape(weight, [out, from]), bias);
    });
  const inner = relu(dense('fc1', reduceMean(x, { axes: [2, 3] }), squeezed)); // B S
  return mul(x, reshape(sigmoid(dense('fc2', inner, C)), [B, C, 1, 1]));
}
