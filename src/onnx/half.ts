import { apply, constant, constantOf, Input } from '../graph/build.ts';
import { withLabel } from '../graph/scope.ts';
import type { Inputs, Node, Op, Tensor } from '../graph/tensor.ts';
import { rewrite } from '../graph/walk.ts';
import { cast } from '../ops/elementwise.ts';
import { LayerNormalization } from '../ops/norm.ts';
import { ReduceMean, ReduceSum } from '../ops/reduce.ts';
import { LogSoftmax, Softmax } from '../ops/softmax.ts';
import type { Program } from '../program/program.ts';
import { fixedTensors } from './fixed.ts';

/**
 * Sums over many elements, which lose most in fp16.
 * Our choice: they are computed in float32 between two casts, on every runtime alike.
 */
const KEPT = new Set<Op>([LayerNormalization, Softmax, LogSoftmax, ReduceMean, ReduceSum]);

/** The same program with weights and arithmetic in fp16; its ports stay float32. */
export function halfPrecision(program: Program): Program {
  const names = [...program.outputs.keys()];
  const fixed = fixedTensors(program);
  const visit = (node: Node, inputs: Inputs) =>
    // What is computed of constants stays float32 until it is used: runtimes do that at load, where fp16 kernels are few.
    fixed.has(node.outputs[0]!) ? node.outputs : withLabel(node.label, () => half(node, inputs));
  const outputs = rewrite([...program.outputs.values()], visit);
  return { inputs: program.inputs, outputs: new Map(names.map((name, i) => [name, toSingle(outputs[i]!)])) };
}

function half(node: Node, inputs: Inputs): readonly Tensor[] {
  if (node.op === Input) return node.outputs.map(toHalf);
  const wide = KEPT.has(node.op);
  // The inputs of a node that keeps float32 may be constants that are float32 still.
  const given = inputs.map((t) => t && (wide ? toSingle(t) : toHalf(t)));
  const outputs = apply(node.op, given, node.attrs);
  return wide ? outputs.map(toHalf) : outputs;
}

function toHalf(t: Tensor): Tensor {
  if (t.dtype !== 'float32') return t;
  const value = constantOf(t);
  return value ? constant({ ...value, dtype: 'float16' }) : cast(t, 'float16');
}

const toSingle = (t: Tensor): Tensor => (t.dtype === 'float16' ? cast(t, 'float32') : t);
