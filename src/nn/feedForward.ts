import type { Tensor } from '../graph/tensor.ts';
import { add, mul, sigmoid, tanh } from '../ops/elementwise.ts';
import { gelu } from '../ops/gelu.ts';
import { slice } from '../ops/movement.ts';
import { linear, mlp } from './layers.ts';
import type { Scope } from './scope.ts';

/** Activations of encoders, by transformers' names of them. */
export const ACTIVATIONS = {
  gelu,
  /** GELU by its tanh approximation (Hendrycks & Gimpel, arXiv 1606.08415, section 2). */
  gelu_pytorch_tanh: (x) => {
    const inner = mul(Math.sqrt(2 / Math.PI), mul(x, add(1, mul(0.044715, mul(x, x)))));
    return mul(mul(x, 0.5), add(1, tanh(inner)));
  },
  /** CLIP's (same source, section 2): x sigmoid(1.702 x). */
  quick_gelu: (x) => mul(x, sigmoid(mul(x, 1.702))),
  /** x sigmoid(x) (same source, section 4). */
  silu: (x) => mul(x, sigmoid(x)),
} as const satisfies Readonly<Record<string, (x: Tensor) => Tensor>>;

export type Activation = keyof typeof ACTIVATIONS;

export interface FeedForwardOptions {
  readonly hidden: number;
  readonly activation: Activation;
  /**
   * The hidden activations are act(gate) * value (SwiGLU: GLU Variants, arXiv 2002.05202), of one layer `fc1` whose first rows give
   * the gate and whose last rows give the value.
   */
  readonly gated: boolean;
}

/** The MLP of a transformer's block, x [...,D] -> [...,D], layers `fc1` and `fc2`. */
export function feedForward(s: Scope, x: Tensor, { hidden, activation, gated }: FeedForwardOptions): Tensor {
  if (activation === 'gelu' && !gated) return mlp(s, x, hidden);
  const act = ACTIVATIONS[activation];
  const wide = s.in('fc1', (s) => linear(s, x, gated ? 2 * hidden : hidden));
  const part = (from: number) => slice(wide, wide.shape.length - 1, from, from + hidden);
  const h = gated ? mul(act(part(0)), part(hidden)) : act(wide);
  return s.in('fc2', (s) => linear(s, h, x.shape.at(-1)!));
}
