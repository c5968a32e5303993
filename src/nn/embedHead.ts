import type { Tensor } from '../graph/tensor.ts';
import { gelu } from '../ops/gelu.ts';
import { fanInUniform, layerNorm, linear } from './layers.ts';
import type { Scope } from './scope.ts';

export const EMBED_HEADS = ['linear', 'lnLinear', 'mlp'] as const;
export type EmbedHead = (typeof EMBED_HEADS)[number];

/** From a student's features [..., D_s] to a teacher's width; it is thrown away after training. It begins as torch.nn.Linear does. */
export function embedHead(s: Scope, x: Tensor, width: number, kind: EmbedHead, hidden: number): Tensor {
  const dense = (name: string, t: Tensor, out: number) => {
    const init = fanInUniform(t.shape.at(-1)!);
    return s.in(name, (s) => linear(s, t, out, { weightInit: init, biasInit: init }));
  };
  if (kind === 'mlp') return dense('fc2', gelu(dense('fc1', x, hidden)), width);
  const normed = kind === 'lnLinear' ? s.in('norm', (s) => layerNorm(s, x)) : x;
  return dense('linear', normed, width);
}
