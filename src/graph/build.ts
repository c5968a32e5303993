import { BuildError, internal } from './errors.ts';
import { type NdArray, type NumericArray, ndArray } from './ndArray.ts';
import { located, scopeLabel } from './scope.ts';
import type { AttrValue, Attrs, Inputs, Node, Op, Tensor, TensorType } from './tensor.ts';
import type { DType } from './dtype.ts';

/** Applies an operator; its shape errors get the scope in front: `blocks.3.attn: MatMul: inner sizes differ: ...`. */
export function apply(
  op: Op,
  inputs: Inputs,
  attrs: Readonly<Record<string, AttrValue | undefined>> = {},
): readonly Tensor[] {
  const set = Object.fromEntries(Object.entries(attrs).filter(([, value]) => value !== undefined)) as Attrs;
  const label = scopeLabel();
  let types: readonly TensorType[];
  try {
    types = op.infer(inputs, set);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new BuildError(located(`${op.name}: ${error.message}`));
  }
  const outputs: Tensor[] = [];
  const node: Node = { op, inputs, attrs: set, outputs, label };
  types.forEach((type, index) => {
    outputs.push({ node, index, dtype: type.dtype, shape: type.shape });
  });
  return outputs;
}

/** Applies an operator and gives its first output. */
export function apply1(op: Op, inputs: Inputs, attrs: Readonly<Record<string, AttrValue | undefined>> = {}): Tensor {
  return apply(op, inputs, attrs)[0]!;
}

/** A named port: a value that is given at run time. */
export const Input: Op = {
  name: 'Input',
  infer: (_, attrs) => [{ dtype: attrs.dtype as DType, shape: attrs.shape as readonly number[] }],
  vjp: 'zero',
  reference: (_, node) => {
    throw internal(`input ${String(node.attrs.name)} was not fed`);
  },
};

export function input(name: string, shape: readonly number[], dtype: DType = 'float32'): Tensor {
  return apply1(Input, [], { name, shape, dtype });
}

export function isInput(tensor: Tensor): boolean {
  return tensor.node.op === Input;
}

export function inputName(tensor: Tensor): string {
  return String(tensor.node.attrs.name);
}

export const Constant: Op = {
  name: 'Constant',
  infer: (_, attrs) => {
    const value = attrs.value as NdArray;
    return [{ dtype: value.dtype, shape: value.shape }];
  },
  vjp: 'zero',
  reference: (_, node) => {
    const value = node.attrs.value as NdArray;
    return [{ ...value, data: Float64Array.from(value.data) }];
  },
};

export function constant(value: NdArray): Tensor {
  return apply1(Constant, [], { value });
}

export function scalar(value: number, dtype: DType = 'float32'): Tensor {
  return constant({ dtype, shape: [], data: [value] });
}

/** A rank-1 int64 constant: a shape, axes, pads. */
export function int64s(values: readonly number[]): Tensor {
  return constant({ dtype: 'int64', shape: [values.length], data: values });
}

export function floats(shape: readonly number[], data: NumericArray): Tensor {
  return constant(ndArray(shape, data));
}

/** The value of a constant input, which shape inference needs at build time. */
export function constantValue(tensor: Tensor | undefined, what: string): readonly number[] {
  if (tensor?.node.op !== Constant) throw new BuildError(`${what} must be a constant`);
  return Array.from((tensor.node.attrs.value as NdArray).data);
}

/** The value of a tensor when it is a constant. */
export function constantOf(tensor: Tensor): NdArray | undefined {
  return tensor.node.op === Constant ? (tensor.node.attrs.value as NdArray) : undefined;
}

/** A tensor, or a number that becomes a float32 scalar constant. */
export type Operand = Tensor | number;

export function operand(value: Operand, dtype: DType = 'float32'): Tensor {
  return typeof value === 'number' ? scalar(value, dtype) : value;
}
