import type { DType } from '../graph/tensor.ts';
import type { Program } from '../program/program.ts';

/** Host values of a tensor. float16 is its bits; bool is 0 or 1. int64 is a BigInt64Array. */
export type HostArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Int8Array | Uint16Array;

/** A tensor that an engine holds, on the host or on a device. Where it lies is the engine's secret. */
export interface EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The value on the host. On a host engine it is the live buffer: copy what must outlast the next run. */
  read(): Promise<HostArray>;
  dispose(): void;
}

export interface Compiled {
  /**
   * Runs once. `into` names the outputs that are wanted and the tensors that receive them; a tensor may not be in both
   * `feeds` and `into`. A failure leaves every feed as it was.
   */
  run(feeds: Readonly<Record<string, EngineTensor>>, into: Readonly<Record<string, EngineTensor>>): Promise<void>;
  dispose(): Promise<void>;
}

export interface CompileOptions {
  /** A folder-less name for the run-time profile; profiling is off without it. */
  readonly profilePrefix?: string;
}

/** Runs programs. */
export interface Engine {
  readonly name: string;
  compile(program: Program, options?: CompileOptions): Promise<Compiled>;
  /** A tensor with this value; a host engine uses the buffer itself. */
  tensor(dtype: DType, shape: readonly number[], data: HostArray): EngineTensor;
  /** A tensor to run into. */
  empty(dtype: DType, shape: readonly number[]): EngineTensor;
}

export function hostArray(dtype: DType, size: number): HostArray {
  if (dtype === 'float32') return new Float32Array(size);
  if (dtype === 'int64') return new BigInt64Array(size);
  if (dtype === 'int32') return new Int32Array(size);
  if (dtype === 'float16') return new Uint16Array(size);
  return dtype === 'int8' ? new Int8Array(size) : new Uint8Array(size);
}
