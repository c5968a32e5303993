import { apply1, constant, constantOf, scalar } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { withLabel } from '../graph/scope.ts';
import { sameShape } from '../graph/shape.ts';
import type { Node, Tensor } from '../graph/tensor.ts';
import { rewrite } from '../graph/walk.ts';
import { Add, Div, Identity, Mul, StopGradient, Sub } from '../ops/elementwise.ts';
import { Expand, expand, Reshape, reshape, Transpose, transpose } from '../ops/movement.ts';

/** Rewrites that never change a value: what the gradient rules leave behind and a person would not have written. */
export function simplify(outputs: readonly Tensor[]): Tensor[] {
  return rewrite(outputs, (node, inputs) => {
    const simpler = withLabel(node.label, () => RULES.get(node.op)?.(node, inputs as readonly Tensor[]));
    return simpler && [simpler];
  });
}

type Rule = (node: Node, inputs: readonly Tensor[]) => Tensor | undefined;

/**
 * Element by element with a constant of equal elements: x op c is x where c is neutral; a broadcast c is used unbroadcast; of
 * two such constants the result is a third. `neutral` is the neutral element, on the right or (`either`) on both sides.
 */
function elementwise(neutral: number, either: boolean): Rule {
  return (node, [a, b]) => {
    const { shape, dtype } = node.outputs[0]!;
    const [left, right] = [uniformOf(a!), uniformOf(b!)];
    if (left !== undefined && right !== undefined) {
      const operands = [left, right].map((value) => ndArray([], [value], dtype));
      return expand(constant(node.op.reference(operands, node)[0]!), shape);
    }
    if (right !== undefined && sameShape(a!.shape, shape)) {
      if (right === neutral) return a;
      return b!.shape.length > 0 ? apply1(node.op, [a, scalar(right, dtype)]) : undefined;
    }
    if (left !== undefined && sameShape(b!.shape, shape)) {
      if (either && left === neutral) return b;
      return a!.shape.length > 0 ? apply1(node.op, [scalar(left, dtype), b]) : undefined;
    }
    return undefined;
  };
}

/** Larger constants are not searched. */
const SEARCHED = 4096;

/** The value that all elements of a constant share. */
function uniformOf(tensor: Tensor): number | undefined {
  if (tensor.node.op === Expand || tensor.node.op === Reshape) return uniformOf(tensor.node.inputs[0]!);
  const data = constantOf(tensor)?.data;
  if (!data || data.length === 0 || data.length > SEARCHED) return undefined;
  return data.every((x) => Object.is(x, data[0])) ? data[0] : undefined;
}

const RULES = new Map<object, Rule>([
  [Identity, (_, [x]) => x],
  [StopGradient, (_, [x]) => x],
  [Mul, elementwise(1, true)],
  [Div, elementwise(1, false)],
  [Add, elementwise(0, true)],
  [Sub, elementwise(0, false)],
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
