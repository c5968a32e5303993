import type { Tensor } from '../graph/tensor.ts';
import { add, mul, relu } from '../ops/elementwise.ts';
import { conv as convOp } from '../ops/conv.ts';
import { reshape, slice, transpose } from '../ops/movement.ts';
import { adaptiveAveragePool } from './adaptivePool.ts';
import { batchNorm, fanInUniform, layerNorm } from './layers.ts';
import type { Grid } from './mhca.ts';
import type { Scope } from './scope.ts';

/**
 * DearKD's aligner from tokens [B,N,D] to a teacher's feature map [B,C,h,w]. Paper: there is one, the class token included.
 * Our choice of form: LayerNorm; the class token is added to every patch; each channel is spread by its own u x u kernel
 * (a depthwise transposed convolution with kernel = stride = u), averaged down where that overshoots; 1x1 convolution,
 * BatchNorm, ReLU.
 */
export function aligner(
  s: Scope,
  tokens: Tensor,
  grid: Grid,
  map: readonly [channels: number, rows: number, columns: number],
  classToken: boolean,
): Tensor {
  const [B, , D] = tokens.shape as [number, number, number];
  const { rows, columns, prefix } = grid;
  const [C, h, w] = map;
  const normed = s.in('norm', (s) => layerNorm(s, tokens));
  const patches = slice(normed, 1, prefix, normed.shape[1]!);
  const joined = classToken ? add(patches, slice(normed, 1, 0, 1)) : patches;
  const image = reshape(transpose(joined, [0, 2, 1]), [B, D, rows, columns]);
  const u = Math.max(1, Math.ceil(Math.max(h / rows, w / columns)));
  const spread = u === 1 ? image : s.in('up', (s) => upsample(s, image, u));
  const sized = adaptiveAveragePool(spread, h, w);
  const projected = s.in('conv', (s) => convOp(sized, s.param('weight', [C, D, 1, 1], fanInUniform(D))));
  return relu(s.in('bn', (s) => batchNorm(s, projected)));
}

/** Depthwise transposed convolution with kernel = stride = u: each pixel times its channel's u x u kernel, side by side. */
function upsample(s: Scope, x: Tensor, u: number): Tensor {
  const [B, D, h, w] = x.shape as [number, number, number, number];
  const weight = s.param('weight', [D, 1, u, u], fanInUniform(1));
  const product = mul(reshape(x, [B, D, h, 1, w, 1]), reshape(weight, [1, D, 1, u, 1, u]));
  return reshape(product, [B, D, h * u, w * u]);
}
