import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { concat, reshape, slice } from '../ops/movement.ts';
import { orthonormalAgain } from '../optim/orthonormal.ts';
import type { Vector } from './state.ts';

/** A vector's value after an update, each of its parameters back where it is kept (`ParamSpec.kept`). */
export function kept({ entries, size }: Vector, after: Tensor, before: Tensor): Tensor {
  const parts: Tensor[] = [];
  let from = 0;
  const free = (to: number) => {
    if (to > from) parts.push(slice(after, 0, from, to));
  };
  for (const { spec, offset } of entries) {
    if (!spec.kept) continue;
    free(offset);
    from = offset + sizeOf(spec.shape);
    const matrix = (vector: Tensor) => reshape(slice(vector, 0, offset, from), spec.shape);
    parts.push(reshape(orthonormalAgain(matrix(after), matrix(before)), [from - offset]));
  }
  if (parts.length === 0) return after;
  free(size);
  return concat(parts, 0);
}
