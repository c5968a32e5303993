import type { Tensor } from '../graph/tensor.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape, split, transpose } from '../ops/movement.ts';
import { softmax } from '../ops/softmax.ts';
import { affine, linear } from './layers.ts';
import { type Scope, TRUNCATED_02, ZEROS } from './scope.ts';

export interface Attended {
  /** [B,N,D] */
  readonly output: Tensor;
  /** [B,H,N,N]; rows sum to 1. */
  readonly attention: Tensor;
}

/** From queries and keys [B,H,N,d] to attention [B,H,N,N]. */
export type Scores = (s: Scope, q: Tensor, k: Tensor) => Tensor;

/** softmax(q k' / sqrt d). Source: Vaswani et al., arXiv 1706.03762, section 3.2.1. */
export function contentScores(q: Tensor, k: Tensor): Tensor {
  return softmax(matmul(q, k, { transB: true, alpha: 1 / Math.sqrt(q.shape.at(-1)!) }));
}

/** Multi-head self-attention over x [B,N,D] with timm's names: qkv.weight [3D,D], proj. */
export function attention(
  s: Scope,
  x: Tensor,
  heads: number,
  scores: Scores = (_, q, k) => contentScores(q, k),
): Attended {
  const [B, N, D] = x.shape as [number, number, number];
  const [q, k, v] = s.in('qkv', (s) => project(s, x, heads));
  const weights = scores(s, q!, k!);
  const mixed = matmul(weights, v!); // B H N d
  const joined = reshape(transpose(mixed, [0, 2, 1, 3]), [B, N, D]);
  return { output: s.in('proj', (s) => linear(s, joined, D)), attention: weights };
}

/**
 * q, k, v, each [B,H,N,d]: three products with the three row blocks of one weight. Splitting the product's result
 * instead costs a copy of the activations, splitting the small weight costs nothing.
 */
function project(s: Scope, x: Tensor, heads: number): readonly Tensor[] {
  const [B, N, D] = x.shape as [number, number, number];
  const weights = split(s.param('weight', [3 * D, D], TRUNCATED_02), [D, D, D], 0);
  const biases = split(s.param('bias', [3 * D], ZEROS), [D, D, D], 0);
  return weights.map((weight, i) =>
    transpose(reshape(affine(x, weight, biases[i]), [B, N, heads, D / heads]), [0, 2, 1, 3]),
  );
}
