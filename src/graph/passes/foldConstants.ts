import { largest } from '../lists.ts';
import { Constant, constant, constantOf } from '../build.ts';
import { withLabel } from '../scope.ts';
import { sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { rewrite } from '../walk.ts';

/** A folded value may not be larger than this many elements, unless it is no larger than what it was made of. */
const LIMIT = 4096;

/** Nodes whose inputs are all constants become constants, computed by the operators' float64 references. */
export function foldConstants(outputs: readonly Tensor[]): Tensor[] {
  return rewrite(outputs, (node, inputs) => {
    if (node.op === Constant || inputs.length === 0) return undefined;
    const values = inputs.map((t) => t && constantOf(t));
    if (values.some((value, i) => inputs[i] && !value)) return undefined;
    const most = largest(
      values.map((value) => value?.data.length ?? 0),
      LIMIT,
    );
    if (node.outputs.some((t) => sizeOf(t.shape) > most) || most > 1 << 20) return undefined;
    return withLabel(node.label, () => node.op.reference(values, node).map((value) => constant(value)));
  });
}
