import { internal } from '../graph/errors.ts';
import { sameShape, showShape } from '../graph/shape.ts';
import type { TensorType } from '../graph/tensor.ts';
import type { DType } from '../graph/dtype.ts';
import type { Program } from '../program/program.ts';

/** Host values of a tensor. float16 is its bits; bool is 0 or 1. int64 is a BigInt64Array. */
export type HostArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Int8Array | Uint16Array;

/** A tensor that an engine holds, on the host or on a device. Where it lies is the engine's secret. */
export interface EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The value on the host; not while a run writes it. A host engine gives its buffer: copy what must outlast the next run. */
  read(): Promise<HostArray>;
  /** Replaces the value; not while a run uses it. */
  write(values: HostArray): void;
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
  /** Outputs that are fed back and read seldom: a device engine leaves them on the device. Default: none. */
  readonly stays?: (output: string) => boolean;
}

/** Engines that compute beside each other, each on threads of its own; their tensors are good for all of them. */
export interface OpenLanes {
  readonly engines: readonly Engine[];
  close(): Promise<void>;
}

/** Runs programs. */
export interface Engine {
  readonly name: string;
  /** Tensors that stay lie where reading them costs. */
  readonly onDevice?: boolean;
  compile(program: Program, options?: CompileOptions): Promise<Compiled>;
  /** A tensor with this value; a host engine uses the buffer itself. */
  tensor(dtype: DType, shape: readonly number[], data: HostArray): EngineTensor;
  /** A tensor to run into. */
  empty(dtype: DType, shape: readonly number[]): EngineTensor;
  /** So many lanes, which share the engine's cores. Left out: it has none. */
  lanes?(count: number): OpenLanes;
}

type Ports = Readonly<Record<string, EngineTensor>>;

/** What every engine refuses: a port that is not fed, or a tensor that does not fit its port. Extra feeds are ignored. */
export function checkPorts(program: Program, feeds: Ports, into: Ports): void {
  for (const [name, port] of program.inputs) {
    if (!feeds[name]) throw internal(`input ${name} was not fed`);
    fits(`input ${name}`, port, feeds[name]);
  }
  const fed = new Set(Object.values(feeds));
  for (const [name, target] of Object.entries(into)) {
    const port = program.outputs.get(name);
    if (!port) throw internal(`there is no output ${name}; outputs: ${[...program.outputs.keys()].join(', ')}`);
    fits(`output ${name}`, port, target);
    if (fed.has(target)) throw internal(`output ${name} would be written into a tensor that is fed`);
  }
}

function fits(what: string, wanted: TensorType, got: EngineTensor): void {
  if (wanted.dtype !== got.dtype || !sameShape(wanted.shape, got.shape))
    throw internal(
      `${what}: wanted ${wanted.dtype} ${showShape(wanted.shape)}, got ${got.dtype} ${showShape(got.shape)}`,
    );
}

export function hostArray(dtype: DType, size: number): HostArray {
  if (dtype === 'float32') return new Float32Array(size);
  if (dtype === 'int64') return new BigInt64Array(size);
  if (dtype === 'int32') return new Int32Array(size);
  if (dtype === 'float16') return new Uint16Array(size);
  return dtype === 'int8' ? new Int8Array(size) : new Uint8Array(size);
}

/** The values that lie in a buffer. */
export function arrayOn(dtype: DType, buffer: ArrayBufferLike): HostArray {
  const Values = hostArray(dtype, 0).constructor as new (buffer: ArrayBufferLike) => HostArray;
  return new Values(buffer);
}
