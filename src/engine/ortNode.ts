import * as ort from 'onnxruntime-node';
import { sizeOf } from '../graph/shape.ts';
import type { DType } from '../graph/tensor.ts';
import { emit } from '../onnx/emit.ts';
import { sumsOverRows } from './sumsOverRows.ts';
import { STOP, stopMessage } from './withoutCopiesNode.ts';
import { type Compiled, checkPorts, type Engine, type EngineTensor, type HostArray, hostArray } from './contract.ts';

export interface OrtNodeOptions {
  /** Threads inside an operator; default: one a core. */
  readonly threads?: number;
}

class OrtTensor implements EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  value: ort.Tensor;
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
    tensor,
    empty: (dtype, shape) => tensor(dtype, shape, hostArray(dtype, sizeOf(shape))),
    compile: async (program, options = {}): Promise<Compiled> => {
      const stop = await stopMessage();
      const session = await ort.InferenceSession.create(
        emit(sumsOverRows(program), stop === undefined ? {} : { emptySequence: STOP }),
        sessionOptions(threads, options.profilePrefix),
      );
      return {
        run: async (feeds, into) => {
          checkPorts(program, feeds, into);
          const fetches: Record<string, ort.Tensor | null> = stop === undefined ? {} : { [STOP]: null };
          for (const [name, target] of Object.entries(into)) fetches[name] = (target as OrtTensor).value;
          const given = Object.fromEntries(
            [...program.inputs.keys()].map((name) => [name, (feeds[name] as OrtTensor).value]),
          );
          await session.run(given, fetches).catch((error: unknown) => {
            if (String(error) !== stop) throw error;
          });
        },
        dispose: () => session.release(),
      };
    },
  };
}

function sessionOptions(
  threads: number | undefined,
  profilePrefix: string | undefined,
): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // Without a planned layout freed buffers are reused while they are in the cache: 40 % less memory for a DeiT-Ti step, and no slower.
    enableMemPattern: false,
    // Work is handed out in shrinking blocks, so that a core that was held up does not make the other wait. Threads do not spin
    // after a run: the teacher's would slow down the student's step, and both the loader.
    extra: { session: { dynamic_block_base: '4', force_spinning_stop: '1' } },
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
  };
}
