import type { Tensor } from '../graph/tensor.ts';
import { add, div, mul, sqrt, sub } from '../ops/elementwise.ts';
import type { Transform } from './transform.ts';

export interface AdamwOptions {
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weightDecay: number;
}

/**
 * AdamW: Adam with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2; PyTorch's torch.optim.AdamW).
 * Each line below is one pass over the parameters, so they are few: with c_i = 1 - beta_i^t,
 * u = -(lr sqrt(c2) / c1) m / (sqrt(v) + eps sqrt(c2)) - lr wd p.
 */
export function adamw({ betas: [beta1, beta2], epsilon, weightDecay }: AdamwOptions): Transform {
  return {
    slots: (params) =>
      params.flatMap(({ name, value }) => ['m', 'v'].map((slot) => ({ name: `${slot}.${name}`, shape: value.shape }))),
    scalars: ({ step, lr }) => {
      const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];
      return { rate: (-lr * Math.sqrt(c2)) / c1, epsilon: epsilon * Math.sqrt(c2), shrink: -lr * weightDecay };
    },
    update: (gradients, params, slots, scalars) => {
      const after = new Map<string, Tensor>();
      const updates = params.map(({ name, value, decay }, i) => {
        const g = gradients[i]!;
        const m = slots.get(`m.${name}`)!;
        const nextM = add(m, mul(sub(g, m), 1 - beta1));
        const nextV = add(mul(slots.get(`v.${name}`)!, beta2), mul(mul(g, g), 1 - beta2));
        after.set(`m.${name}`, nextM).set(`v.${name}`, nextV);
        const move = mul(div(nextM, add(sqrt(nextV), scalars.epsilon!)), scalars.rate!);
        return decay && weightDecay !== 0 ? add(move, mul(value, scalars.shrink!)) : move;
      });
      return { updates, slots: after };
    },
  };
}
