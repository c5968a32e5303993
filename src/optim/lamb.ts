import type { Tensor } from '../graph/tensor.ts';
import { greater } from '../ops/compare.ts';
import { add, div, maximum, mul, sqrt, sub, where } from '../ops/elementwise.ts';
import { concat, slice } from '../ops/movement.ts';
import { reduceSumSquare } from '../ops/reduce.ts';
import type { AdamwOptions } from './adamw.ts';
import { type OptimParam, partsOf, type Transform } from './transform.ts';

/**
 * LAMB (You et al., arXiv 1904.00962, algorithm 2): u = m^ / (sqrt(v^) + eps) + wd p, then each parameter moves by
 * lr |p| / |u| u. What does not decay (norms, biases and tokens; everything where the weight decay is 0) moves by lr u: so do
 * apex' FusedLAMB, with which DeiT III was trained, and timm. FusedLAMB also clips the gradient's global norm to 1: set
 * optim.clipNorm.
 */
export function lamb({ betas: [beta1, beta2], epsilon, weightDecay }: AdamwOptions): Transform {
  return {
    slots: (params) =>
      params.flatMap(({ name, value }) => ['m', 'v'].map((slot) => ({ name: `${slot}.${name}`, shape: value.shape }))),
    scalars: ({ step, lr }) => {
      const [c1, c2] = [1 - beta1 ** step, 1 - beta2 ** step];
      return { rate: -lr, correction: Math.sqrt(c2) / c1, epsilon: epsilon * Math.sqrt(c2) };
    },
    update: (gradients, params, slots, scalars) => {
      const after = new Map<string, Tensor>();
      const updates = params.map((param, i) => {
        const { name, value, decay } = param;
        const g = gradients[i]!;
        const m = slots.get(`m.${name}`)!;
        const nextM = add(m, mul(sub(g, m), 1 - beta1));
        const nextV = add(mul(slots.get(`v.${name}`)!, beta2), mul(mul(g, g), 1 - beta2));
        after.set(`m.${name}`, nextM).set(`v.${name}`, nextV);
        const move = mul(div(nextM, add(sqrt(nextV), scalars.epsilon!)), scalars.correction!);
        if (!decay || weightDecay === 0) return mul(move, scalars.rate!);
        return mul(trusted(add(move, mul(value, weightDecay)), param), scalars.rate!);
      });
      return { updates, slots: after };
    },
  };
}

/** Each parameter's part of the update at the parameter's own length; as it is where one of the two is 0. */
function trusted(update: Tensor, param: OptimParam): Tensor {
  const parts = partsOf(param).map(({ offset, size }) => {
    const [u, p] = [update, param.value].map((t) => slice(t, 0, offset, offset + size)) as [Tensor, Tensor];
    const [moved, held] = [sqrt(reduceSumSquare(u)), sqrt(reduceSumSquare(p))];
    const ratio = div(held, maximum(moved, 1e-30));
    return mul(u, where(greater(mul(held, moved), 0), ratio, 1));
  });
  return parts.length === 1 ? parts[0]! : concat(parts, 0);
}
