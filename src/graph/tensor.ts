import type { NdArray } from './ndArray.ts';
import type { DType } from './dtype.ts';

export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** One output of a node. */
export interface Tensor extends TensorType {
  readonly node: Node;
  readonly index: number;
}

export type AttrValue = number | string | boolean | readonly number[] | NdArray;
export type Attrs = Readonly<Record<string, AttrValue>>;
export type Inputs = readonly (Tensor | undefined)[];

/** One application of an operator. It points to the operator itself: there is no registry to look a name up in. */
export interface Node {
  readonly op: Op;
  readonly inputs: Inputs;
  readonly attrs: Attrs;
  readonly outputs: readonly Tensor[];
  /** Where in the model it was built, `blocks.3.attn`; the gradient's nodes carry the label of the node they derive. */
  readonly label: string;
}

export interface VjpContext {
  readonly node: Node;
  readonly inputs: Inputs;
  readonly outputs: readonly Tensor[];
  /** Gradient of the loss to each output; undefined where the loss does not depend on it. */
  readonly dy: readonly (Tensor | undefined)[];
  /** Which inputs need a gradient. */
  readonly wants: readonly boolean[];
}

/**
 * Vector-Jacobian product: gradients to the inputs, undefined where none is wanted. A gradient may have the shape of the
 * broadcast result; the walker sums it to the input's shape.
 */
export type Vjp = (context: VjpContext) => readonly (Tensor | undefined)[];

/** `zero`: the derivative is 0 almost everywhere. `none`: asking for it is an error. */
export type NotDifferentiable = 'zero' | 'none';

/** An ONNX operator. */
export interface Op {
  /** ONNX operator name. */
  readonly name: string;
  /** ONNX domain; empty for ai.onnx. */
  readonly domain?: string;
  /** Numeric attributes that ONNX stores as floats; all others are ints. */
  readonly floatAttrs?: readonly string[];
  /** A -1 in the constant shape that it is given stands for what is left: so Reshape can leave the batch open. */
  readonly infersExtent?: true;
  /** Outputs after the first are not emitted where nothing uses them. (ONNX Runtime crashes where Split's are left out.) */
  readonly optionalOutputs?: true;
  infer(inputs: Inputs, attrs: Attrs): readonly TensorType[];
  readonly vjp: Vjp | NotDifferentiable;
  /** The value in float64: the definition that every engine and every gradient is held to. */
  reference(inputs: readonly (NdArray | undefined)[], node: Node): readonly NdArray[];
}
