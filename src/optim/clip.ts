import type { Tensor } from '../graph/tensor.ts';
import { add, div, minimum, mul, sqrt } from '../ops/elementwise.ts';
import { reduceSumSquare } from '../ops/reduce.ts';
import type { Transform } from './transform.ts';

/** The Euclidean norm of all tensors taken together. */
export function globalNorm(tensors: readonly Tensor[]): Tensor {
  return sqrt(tensors.map((t) => reduceSumSquare(t)).reduce((a, b) => add(a, b)));
}

/** Scales all gradients so that their global norm is at most `max` (torch.nn.utils.clip_grad_norm_, with its 1e-6). */
export function clipByGlobalNorm(max: number): Transform {
  return {
    slots: () => [],
    scalars: () => ({}),
    update: (gradients) => {
      const scale = minimum(div(max, add(globalNorm(gradients), 1e-6)), 1);
      return { updates: gradients.map((g) => mul(g, scale)), slots: new Map() };
    },
  };
}
