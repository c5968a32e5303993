import { constantOf } from '../graph/build.ts';
import { withLabel } from '../graph/scope.ts';
import { sameShape } from '../graph/shape.ts';
import type { Node, Tensor } from '../graph/tensor.ts';
import { rewrite } from '../graph/walk.ts';
import { Add, Div, Identity, Mul, StopGradient, Sub } from '../ops/elementwise.ts';
import { Expand, Reshape, reshape, Transpose, transpose } from '../ops/movement.ts';

/** Rewrites that never change a value: what the gradient rules leave behind and a person would not have written. */
export function simplify(outputs: readonly Tensor[]): Tensor[] {
  return rewrite(outputs, (node, inputs) => {
    const simpler = withLabel(node.label, () => RULES.get(node.op)?.(node, inputs as readonly Tensor[]));
    return simpler && [simpler];
  });
}

type Rule = (node: Node, inputs: readonly Tensor[]) => Tensor | undefined;

/** x op c = x for the neutral element c, where c does not widen x. A broadcast constant is used unbroadcast. */
function neutral(value: number, either: boolean): Rule {
  return (node, [a, b]) => {
    const shape = node.outputs[0]!.shape;
    if (isAll(b!, value) && sameShape(a!.shape, shape)) return a;
    if (either && isAll(a!, value) && sameShape(b!.shape, shape)) return b;
    return undefined;
  };
}

function isAll(tensor: Tensor, value: number): boolean {
  const source = tensor.node.op === Expand ? tensor.node.inputs[0]! : tensor;
  const held = constantOf(source);
  return held !== undefined && held.data.length === 1 && held.data[0] === value;
}

const RULES = new Map<object, Rule>([
  [Identity, (_, [x]) => x],
  [StopGradient, (_, [x]) => x],
  [Mul, neutral(1, true)],
  [Div, neutral(1, false)],
  [Add, neutral(0, true)],
  [Sub, neutral(0, false)],
  [Expand, (node, [x]) => (sameShape(x!.shape, node.outputs[0]!.shape) ? x : undefined)],
  [
    Reshape,
    (node, [x]) => {
      if (sameShape(x!.shape, node.outputs[0]!.shape)) return x;
      return x!.node.op === Reshape ? reshape(x!.node.inputs[0]!, node.outputs[0]!.shape) : undefined;
    },
  ],
  [
    Transpose,
    (node, [x]) => {
      if (x!.node.op !== Transpose) return undefined;
      const inner = x!.node.attrs.perm as readonly number[];
      return transpose(
        x!.node.inputs[0]!,
        (node.attrs.perm as readonly number[]).map((axis) => inner[axis]!),
      );
    },
  ],
]);
