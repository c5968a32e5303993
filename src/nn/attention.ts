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
  /** [B,M,D]: the tokens that ask, where these are not all: then the output is [B,M,D] and the attention [B,H,M,N]. */
  readonly asking?: Tensor;
}

/** Multi-head self-attention over x [B,N,D] with timm's names: qkv.weight [3D,D], proj. */
export function attention(
  s: Scope,
  x: Tensor,
  { heads, qkvBias = true, scores = (_, q, k) => contentScores(q, k), asking = x }: AttentionOptions,
): Attended {
  const [B, M, D] = asking.shape as [number, number, number];
  const { q, k, v, shift } = s.in('qkv', (s) => project(s, { x, asking }, heads, qkvBias));
  const weights = scores(s, q, k);
  const mixed = matmul(weights, v); // B H M d
  const joined = reshape(transpose(mixed, [0, 2, 1, 3]), [B, M, D]);
  const output = s.in('proj', (s) => {
    const [weight, bias] = [s.param('weight', [D, D], TRUNCATED_02), s.param('bias', [D], ZEROS)];
    const shifted = shift && reshape(matmul(weight, reshape(shift, [D, 1])), [D]);
    return affine(joined, weight, shifted ? add(bias, shifted) : bias);
  });
  return { output, attention: weights };
}

interface Projected {
  /** [B,H,M,d] */
  readonly q: Tensor;
  /** [B,H,N,d] */
  readonly k: Tensor;
  /** [B,H,N,d] */
  readonly v: Tensor;
  /** The values' bias [D], where it is left to the output projection. */
  readonly shift: Tensor | undefined;
}

/**
 * q, k and v: three products with the three row blocks of one weight. Splitting the product's result instead costs a copy of
 * the activations, splitting the small weight costs nothing. While training, the biases of k and v are not added to the
 * activations: a key's bias adds the same number to all logits of a query, which softmax does not see; and as rows of
 * attention sum to 1, the values' bias passes through unchanged, so it can be added to the output projection's.
 */
function project(s: Scope, { x, asking }: { x: Tensor; asking: Tensor }, heads: number, bias: boolean): Projected {
  const [B, , D] = x.shape as [number, number, number];
  const weights = split(s.param('weight', [3 * D, D], TRUNCATED_02), [D, D, D], 0);
  const biases = bias ? split(s.param('bias', [3 * D], ZEROS), [D, D, D], 0) : [];
  const [q, k, v] = weights.map((weight, i) => {
    const tokens = i === 0 ? asking : x;
    const y = affine(tokens, weight, s.training && i > 0 ? undefined : biases[i]);
    return transpose(reshape(y, [B, tokens.shape[1]!, heads, D / heads]), [0, 2, 1, 3]);
  });
  return { q: q!, k: k!, v: v!, shift: s.training ? biases[2] : undefined };
}
