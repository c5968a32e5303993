import { internal } from '../graph/errors.ts';
import type { NdArray } from '../graph/ndArray.ts';
import { showShape } from '../graph/shape.ts';
import type { Node, Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';
import type { Program } from '../program/program.ts';

/** A node of the emitted file that stands for no node of the graph. */
export interface ExtraNode {
  readonly opType: string;
  readonly input: string[];
  readonly output: string[];
  /** Integer attributes. */
  readonly ints?: Readonly<Record<string, number>>;
}

export interface EmittedConstant {
  readonly initializers: readonly { readonly name: string; readonly value: NdArray }[];
  readonly nodes: readonly ExtraNode[];
}

/** How a program is written whose batch size is left open: see EmitOptions.openBatch. */
export interface OpenBatch {
  /** Comes first in the file: reads the batch size off an input port. */
  readonly header: readonly ExtraNode[];
  constant(node: Node, name: string): EmittedConstant;
}

const SIZE = 'batch/size';

/**
 * Constants keep their value unless the batch size is in it. The shape of a reshape then says -1; any other one (the shape of
 * an Expand, the end of a Slice) is computed at run time, since -1 means something else there.
 */
export function openBatchOf(program: Program, batch: number): OpenBatch {
  const inferring = onlyInferred(program);
  let needsSize = false;
  const constants = new Map<Node, (name: string) => EmittedConstant>();
  for (const node of topologicalOrder([...program.outputs.values()])) {
    const value = node.attrs.value as NdArray | undefined;
    if (!value?.data || node.inputs.length > 0) continue;
    if (value.shape.some((n) => holds(n, batch)))
      throw internal(`${node.label}: a constant ${showShape(value.shape)} spans the batch, which is open`);
    if (value.dtype !== 'int64' || !Array.from(value.data).some((n) => holds(n, batch))) continue;
    const extents = Array.from(value.data).filter((n) => holds(n, batch) || n === -1);
    const inferred = inferring.has(node.outputs[0]!) && extents.length === 1;
    needsSize ||= !inferred;
    constants.set(node, (name) => (inferred ? withMinusOne(value, name, batch) : atRunTime(value, name, batch)));
  }
  return {
    header: needsSize ? [sizeNode(program, batch)] : [],
    constant: (node, name) => constants.get(node)?.(name) ?? plain(node.attrs.value as NdArray, name),
  };
}

export const plain = (value: NdArray, name: string): EmittedConstant => ({
  initializers: [{ name, value }],
  nodes: [],
});

const holds = (n: number, batch: number): boolean => n !== 0 && n % batch === 0;

/** Tensors that are nothing but the shapes of operators that infer a -1. */
function onlyInferred(program: Program): Set<Tensor> {
  const [inferred, other] = [new Set<Tensor>(), new Set<Tensor>(program.outputs.values())];
  for (const node of topologicalOrder([...program.outputs.values()]))
    node.inputs.forEach((t, i) => {
      if (t) (node.op.infersExtent && i === 1 ? inferred : other).add(t);
    });
  return new Set([...inferred].filter((t) => !other.has(t)));
}

function withMinusOne(value: NdArray, name: string, batch: number): EmittedConstant {
  return plain({ ...value, data: Array.from(value.data, (n) => (holds(n, batch) ? -1 : n)) }, name);
}

/** value = fixed + perImage * batch size. */
function atRunTime(value: NdArray, name: string, batch: number): EmittedConstant {
  const fixed = { ...value, data: Array.from(value.data, (n) => (holds(n, batch) ? 0 : n)) };
  const perImage = { ...value, data: Array.from(value.data, (n) => (holds(n, batch) ? n / batch : 0)) };
  return {
    initializers: [
      { name: `${name}/fixed`, value: fixed },
      { name: `${name}/perImage`, value: perImage },
    ],
    nodes: [
      { opType: 'Mul', input: [`${name}/perImage`, SIZE], output: [`${name}/scaled`] },
      { opType: 'Add', input: [`${name}/fixed`, `${name}/scaled`], output: [name] },
    ],
  };
}

function sizeNode(program: Program, batch: number): ExtraNode {
  for (const [port, { shape }] of program.inputs) {
    const axis = shape.indexOf(batch);
    if (axis >= 0) return { opType: 'Shape', input: [port], output: [SIZE], ints: { start: axis, end: axis + 1 } };
  }
  throw internal('no input port has the open batch as an extent');
}
