import type { Tensor } from '../graph/tensor.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape, split, transpose } from '../ops/movement.ts';
import { softmax } from '../ops/softmax.ts';
import { add } from '../ops/elementwise.ts';
import { affine } from './layers.ts';
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

export interface AttentionOptions {
  readonly heads: number;
  readonly qkvBias?: boolean;
  readonly scores?: Scores;
}

/** Multi-head self-attention over x [B,N,D] with timm's names: qkv.weight [3D,D], proj. */
export function attention(
  s: Scope,
  x: Tensor,
  { heads, qkvBias = true, scores = (_, q, k) => contentScores(q, k) }: AttentionOptions,
): Attended {
  const [B, N, D] = x.shape as [number, number, number];
  const { q, k, v, shift } = s.in('qkv', (s) => project(s, x, heads, qkvBias));
  const weights = scores(s, q, k);
  const mixed = matmul(weights, v); // B H N d
  const joined = reshape(transpose(mixed, [0, 2, 1, 3]), [B, N, D]);
  return { output: s.in('proj', (s) => joinHeads(s, joined, shift)), attention: weights };
}

/**
 * The same for `asking` [B,M,D] alone, few tokens of x, or learned ones [1,M,D] that ask of every image: [B,M,D]. No key and no value is computed: a query is taken back
 * through the keys' weight and meets the tokens themselves, and the weighted mean of the tokens goes through the values' weight.
 * That is 2 N H M D multiplications in place of 2 N D D. The keys' bias is left out, as softmax does not see it.
 */
export function attentionOf(
  s: Scope,
  asking: Tensor,
  x: Tensor,
  { heads, qkvBias = true }: Omit<AttentionOptions, 'scores'>,
): Tensor {
  const [, M, D] = asking.shape as [number, number, number];
  const d = D / heads;
  // Of learned tokens B is 1 until they have met the images.
  const byHead = (t: Tensor, width: number) => transpose(reshape(t, [t.shape[0]! * M, heads, width]), [1, 0, 2]); // H BM width
  const byToken = (t: Tensor) => reshape(transpose(t, [1, 0, 2]), [t.shape[1]! / M, M * heads, t.shape.at(-1)!]); // B MH width
  const { weights: qkv, biases } = s.in('qkv', (s) => projections(s, D, qkvBias));
  const [wQ, wK, wV] = qkv as [Tensor, Tensor, Tensor];
  const perHead = (weight: Tensor) => reshape(weight, [heads, d, D]);
  const queries = byHead(affine(asking, wQ, biases[0]), d); // H BM d
  const turned = byToken(matmul(queries, perHead(wK))); // B MH D
  const weights = softmax(matmul(turned, x, { transB: true, alpha: 1 / Math.sqrt(d) })); // B MH N
  const means = byHead(matmul(weights, x), D); // H BM D
  const joined = reshape(byToken(matmul(means, perHead(wV), { transB: true })), [x.shape[0]!, M, D]);
  return s.in('proj', (s) => joinHeads(s, joined, biases[2]));
}

/**
 * The output projection. `shift` is the values' bias [D]: as rows of attention sum to 1 it passes through unchanged, so it is
 * added here to the bias.
 */
function joinHeads(s: Scope, joined: Tensor, shift: Tensor | undefined): Tensor {
  const D = joined.shape.at(-1)!;
  const [weight, bias] = [s.param('weight', [D, D], TRUNCATED_02), s.param('bias', [D], ZEROS)];
  const shifted = shift && reshape(matmul(weight, reshape(shift, [D, 1])), [D]);
  return affine(joined, weight, shifted ? add(bias, shifted) : bias);
}

interface Projected {
  /** [B,H,N,d] */
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  /** The values' bias [D], where it is left to the output projection. */
  readonly shift: Tensor | undefined;
}

/**
 * q, k and v: three products with the three row blocks of one weight. Splitting the product's result instead costs a copy of
 * the activations, splitting the small weight costs nothing. While training, the biases of k and v are not added to the
 * activations: a key's bias adds the same number to all logits of a query, which softmax does not see, and the values' bias is
 * added to the output projection's.
 */
function project(s: Scope, x: Tensor, heads: number, bias: boolean): Projected {
  const [B, N, D] = x.shape as [number, number, number];
  const { weights, biases } = projections(s, D, bias);
  const [q, k, v] = weights.map((weight, i) => {
    const y = affine(x, weight, s.training && i > 0 ? undefined : biases[i]);
    return transpose(reshape(y, [B, N, heads, D / heads]), [0, 2, 1, 3]);
  });
  return { q: q!, k: k!, v: v!, shift: s.training ? biases[2] : undefined };
}

/** The weights [D,D] of queries, keys and values, and their biases [D] if there are any. */
function projections(s: Scope, D: number, bias: boolean): { weights: readonly Tensor[]; biases: readonly Tensor[] } {
  const weights = split(s.param('weight', [3 * D, D], TRUNCATED_02), [D, D, D], 0);
  return { weights, biases: bias ? split(s.param('bias', [3 * D], ZEROS), [D, D, D], 0) : [] };
}
