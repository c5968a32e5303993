import { input } from '../../graph/build.ts';
import { type NdArray, ndArray } from '../../graph/ndArray.ts';
import { sizeOf } from '../../graph/shape.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { DType } from '../../graph/dtype.ts';
import { permutation, type Stream, stream } from '../../random/stream.ts';

/** An example input: its type, and its values from a seeded stream. */
export interface CaseInput {
  readonly shape: readonly number[];
  readonly dtype: DType;
  draw(random: Stream): readonly number[];
}

/** One example of an operator, which the gradient test and the parity test both run. */
export interface OpCase {
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  build(inputs: readonly Tensor[]): Tensor | readonly Tensor[];
  /** Inputs that a gradient is asked of; default: all float ones. */
  readonly differentiable?: readonly number[];
  /**
   * At a kink a difference quotient says nothing: the documented subgradient to each differentiable input, for a
   * cotangent of ones, stands here instead.
   */
  readonly subgradient?: readonly (readonly number[])[];
}

export function row(
  name: string,
  inputs: readonly CaseInput[],
  build: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  more: Pick<OpCase, 'differentiable' | 'subgradient'> = {},
): OpCase {
  return { name, inputs, build: (tensors) => build(...tensors), ...more };
}

const repeat = (shape: readonly number[], at: () => number) => Array.from({ length: sizeOf(shape) }, at);

export const normal = (...shape: number[]): CaseInput => ({
  shape,
  dtype: 'float32',
  draw: (random) => repeat(shape, random.normal),
});

export const between = (low: number, high: number, ...shape: number[]): CaseInput => ({
  shape,
  dtype: 'float32',
  draw: (random) => repeat(shape, () => low + (high - low) * random.uniform()),
});

/** Distinct values on both sides of 0, each 0.1 from the next and none nearer to 0 than 0.05: no tie and no kink is close. */
export const spaced = (...shape: number[]): CaseInput => ({
  shape,
  dtype: 'float32',
  draw: (random) =>
    Array.from(permutation(sizeOf(shape), random), (i) => 0.1 * (i - Math.floor(sizeOf(shape) / 2)) + 0.05),
});

export const given = (shape: readonly number[], values: readonly number[], dtype: DType = 'float32'): CaseInput => ({
  shape,
  dtype,
  draw: () => values,
});

export const index = (shape: readonly number[], values: readonly number[]): CaseInput => given(shape, values, 'int64');
export const flags = (shape: readonly number[], values: readonly number[]): CaseInput => given(shape, values, 'bool');

export interface CaseValues {
  readonly ports: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly feeds: ReadonlyMap<string, NdArray>;
  /** The ports a gradient is asked of. */
  readonly wrt: readonly Tensor[];
}

/** Builds a case over fresh input ports `i0`, `i1`, ... with values that float32 holds exactly. */
export function realise(op: string, example: OpCase): CaseValues {
  const ports = example.inputs.map(({ shape, dtype }, i) => input(`i${i}`, shape, dtype));
  const feeds = new Map(
    example.inputs.map(({ shape, dtype, draw }, i) => {
      const values = Float32Array.from(draw(stream('case', op, example.name, i)));
      return [`i${i}`, ndArray(shape, values, dtype)];
    }),
  );
  const built = example.build(ports);
  const outputs = Array.isArray(built) ? (built as readonly Tensor[]) : [built as Tensor];
  const floats = ports.flatMap((port, i) => (port.dtype === 'float32' ? [i] : []));
  return { ports, outputs, feeds, wrt: (example.differentiable ?? floats).map((i) => ports[i]!) };
}
