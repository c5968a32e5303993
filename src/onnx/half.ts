import { apply, constant, constantOf, Constant, Input } from '../graph/build.ts';
import { withLabel } from '../graph/scope.ts';
import type { Inputs, Node, Op, Tensor } from '../graph/tensor.ts';
import { rewrite } from '../graph/walk.ts';
import { cast } from '../ops/elementwise.ts';
import { LayerNormalization } from '../ops/norm.ts';
import { ReduceMean, ReduceSum } from '../ops/reduce.ts';
import { LogSoftmax, Softmax } from '../ops/softmax.ts';
import type { Program } from '../program/program.ts';

/**
 * Sums over many elements, which lose most in fp16.
 * Our choice: they are computed in float32 between two casts, on every runtime alike.
 */
const KEPT = new Set<Op>([LayerNormalization, Softmax, LogSoftmax, ReduceMean, ReduceSum]);

/** The same program with weights and arithmetic in fp16; its ports stay float32. */
export function halfPrecision(program: Program): Program {
  const names = [...program.outputs.keys()];
  const outputs = rewrite([...program.outputs.values()], (node, inputs) => withLabel(node.label, () => half(node, inputs)));
  return { inputs: program.inputs, outputs: new Map(names.map((name, i) => [name, cast(outputs[i]!, 'float32')])) };
}

function half(node: Node, inputs: Inputs): readonly Tensor[] {
  if (node.op === Input) return node.outputs.map(toHalf);
  if (node.op === Constant) {
    const value = constantOf(node.outputs[0]!)!;
    return value.dtype === 'float32' ? [constant({ ...value, dtype: 'float16' })] : node.outputs;
  }
  if (!KEPT.has(node.op)) return apply(node.op, inputs, node.attrs);
  // Constants of such a node keep float32: they are few, and need no cast then.
  const wide = node.inputs.map((t, i) => (t && constantOf(t) ? t : inputs[i] && toSingle(inputs[i])));
  return apply(node.op, wide, node.attrs).map(toHalf);
}

const toHalf = (t: Tensor): Tensor => (t.dtype === 'float32' ? cast(t, 'float16') : t);
const toSingle = (t: Tensor): Tensor => (t.dtype === 'float16' ? cast(t, 'float32') : t);
