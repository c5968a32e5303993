import type { Tensor } from '../graph/tensor.ts';
import { add, mul } from '../ops/elementwise.ts';
import type { Transform } from './transform.ts';

export interface SgdOptions {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
}

/** SGD with momentum and coupled weight decay, as torch.optim.SGD: g += wd p; b = momentum b + g; p -= lr (g + momentum b | b). */
export function sgd({ momentum, nesterov, weightDecay }: SgdOptions): Transform {
  return {
    slots: (params) =>
      momentum === 0 ? [] : params.map(({ name, value }) => ({ name: `momentum.${name}`, shape: value.shape })),
    scalars: ({ lr }) => ({ rate: -lr }),
    update: (gradients, params, slots, scalars) => {
      const after = new Map<string, Tensor>();
      const updates = params.map(({ name, value, decay }, i) => {
        const g = decay && weightDecay !== 0 ? add(gradients[i]!, mul(value, weightDecay)) : gradients[i]!;
        if (momentum === 0) return mul(g, scalars.rate!);
        const buffer = add(mul(slots.get(`momentum.${name}`)!, momentum), g);
        after.set(`momentum.${name}`, buffer);
        return mul(nesterov ? add(g, mul(buffer, momentum)) : buffer, scalars.rate!);
      });
      return { updates, slots: after };
    },
  };
}
