import type { Tensor } from '../graph/tensor.ts';
import { add } from '../ops/elementwise.ts';
import { reshape } from '../ops/movement.ts';
import { attentionOf } from './attention.ts';
import { type FeedForwardOptions, feedForward } from './feedForward.ts';
import { layerNorm } from './layers.ts';
import { type Scope, TRUNCATED_02 } from './scope.ts';

/**
 * One vector [B,D] of tokens [B,N,D]: a learned probe asks them once, a + MLP(LN(a)), with no residual to the probe.
 * Source: SigLIP's "MAP head", Scaling Vision Transformers, arXiv 2106.04560, section 3.3.
 */
export function attentionPool(
  s: Scope,
  x: Tensor,
  { heads, normEpsilon, ...ffn }: FeedForwardOptions & { readonly heads: number; readonly normEpsilon: number },
): Tensor {
  const [B, , D] = x.shape as [number, number, number];
  const probe = s.param('probe', [1, 1, D], TRUNCATED_02, false);
  const asked = s.in('attn', (s) => attentionOf(s, probe, x, { heads })); // B 1 D
  const normed = s.in('norm', (s) => layerNorm(s, asked, normEpsilon));
  return reshape(
    add(
      asked,
      s.in('mlp', (s) => feedForward(s, normed, ffn)),
    ),
    [B, D],
  );
}
