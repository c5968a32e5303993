import { constant, constantOf } from '../../graph/build.ts';
import type { NdArray } from '../../graph/ndArray.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Budget } from './budget.ts';

/** Transposed weights by the weights that they come from: a file is imported several times (shapes, batch sizes). */
const held = new WeakMap<NdArray, NdArray>();

/** The transpose of a constant matrix, as a constant, whatever its size: exporters write weights the other way round. */
export function transposedConstant(x: Tensor, perm: readonly number[], budget: Budget): Tensor | undefined {
  const value = constantOf(x);
  if (!value || !(value.data instanceof Float32Array) || perm.length !== 2 || perm[0] !== 1) return undefined;
  let turned = held.get(value);
  if (!turned) {
    const [rows, columns] = value.shape as [number, number];
    const data = new Float32Array(budget.make([columns, rows]));
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[c * rows + r] = value.data[r * columns + c]!;
    turned = { dtype: 'float32', shape: [columns, rows], data };
    held.set(value, turned);
  }
  return constant(turned);
}
