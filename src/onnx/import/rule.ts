import { constantOf } from '../../graph/build.ts';
import { BuildError } from '../../graph/errors.ts';
import type { NdArray } from '../../graph/ndArray.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Budget } from './budget.ts';
import type { Attributes } from './attributes.ts';
import type { Training } from './trained.ts';

/** One node of the file, its inputs already imported. */
export interface Call {
  readonly inputs: readonly (Tensor | undefined)[];
  readonly attrs: Attributes;
  /** Version of the operator set that the node belongs to. */
  readonly opset: number;
  /** How many outputs the node has. */
  readonly outputs: number;
  /** Asked before a constant is made. */
  readonly budget: Budget;
  /** Of a step that trains the network; undefined for a network that is used as it is. */
  readonly training: Training | undefined;
}

/** How an ONNX operator is said with ours: the emission table read backwards. Faults are thrown as BuildErrors. */
export type Rule = (call: Call) => readonly Tensor[];

export type Rules = Readonly<Record<string, Rule>>;

/** An input that must be there. */
export function inputAt({ inputs }: Call, index: number): Tensor {
  const tensor = inputs[index];
  if (!tensor) throw new BuildError(`input ${index} is missing`);
  return tensor;
}

/** The value of an input that must not depend on the image. */
export function constantAt(call: Call, index: number, what: string): NdArray {
  const value = constantOf(inputAt(call, index));
  if (!value) throw new BuildError(`${what} (input ${index}) must be a constant, not depend on the image`);
  return value;
}

/** The same as numbers, undefined where the input is left out. */
export function numbersAt(call: Call, index: number, what: string): number[] | undefined {
  return call.inputs[index] ? Array.from(constantAt(call, index, what).data) : undefined;
}

/** A list that older operator sets have as an attribute and newer ones as an input. */
export function listAt(call: Call, index: number, name: string): number[] | undefined {
  return numbersAt(call, index, name) ?? call.attrs.ints(name);
}

/** Refuses a setting that is not the one assumed. */
export function assume(name: string, got: string | number, wanted: readonly (string | number)[]): void {
  if (!wanted.includes(got)) throw new BuildError(`${name} = ${got} is not supported, only ${wanted.join(' or ')}`);
}

/** Refuses a layer that was exported as it behaves while training. */
export function refuseTraining(training: boolean): void {
  if (training) throw new BuildError('this is the training form; call model.eval() before the export');
}
