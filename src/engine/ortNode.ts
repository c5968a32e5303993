import { type Ort, ort } from './onnxRuntimeNode.ts';
import { sizeOf } from '../graph/shape.ts';
import type { DType } from '../graph/dtype.ts';
import type { Program } from '../program/program.ts';
import { type Compiled, checkPorts, type Engine, type EngineTensor, type HostArray, hostArray } from './contract.ts';
import { openLanes } from './laneNode.ts';
import { modelOf, openSession, type OrtSession } from './ortSessionNode.ts';

export interface OrtNodeOptions {
  /** Threads inside an operator; default: one a core. */
  readonly threads?: number;
}

/** A tensor whose values lie in the host's memory. */
export class OrtTensor implements EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  value: Ort.Tensor;
  constructor(dtype: DType, shape: readonly number[], data: HostArray) {
    this.dtype = dtype;
    this.shape = shape;
    this.value = new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
  }
  read = async (): Promise<HostArray> => this.value.data as HostArray;
  write = (values: HostArray): void => (this.value.data as Float32Array).set(values as Float32Array);
  dispose = (): void => undefined;
}

/** ONNX Runtime's native CPU kernels in Node. `run` blocks the calling thread while it computes. */
export function ortNode({ threads }: OrtNodeOptions = {}): Engine {
  const tensor = (dtype: DType, shape: readonly number[], data: HostArray): EngineTensor =>
    new OrtTensor(dtype, shape, data);
  return {
    name: 'ort-node-cpu',
    lanes: (count) => openLanes(count, threads),
    tensor,
    empty: (dtype, shape) => tensor(dtype, shape, hostArray(dtype, sizeOf(shape))),
    compile: async (program, { profilePrefix } = {}): Promise<Compiled> => {
      return compiledOn(program, await openSession(await modelOf(program), { threads, profilePrefix }));
    },
  };
}

/** A program on a session whose inputs and outputs lie in the host's memory. */
export function compiledOn(program: Program, session: OrtSession): Compiled {
  const held = (tensor: EngineTensor) => (tensor as OrtTensor).value;
  return {
    run: async (feeds, into) => {
      checkPorts(program, feeds, into);
      await session.run(
        Object.fromEntries([...program.inputs.keys()].map((name) => [name, held(feeds[name]!)])),
        Object.fromEntries(Object.entries(into).map(([name, target]) => [name, held(target)])),
      );
    },
    dispose: session.release,
  };
}
