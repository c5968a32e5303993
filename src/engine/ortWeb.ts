import type * as OnnxRuntimeWeb from 'onnxruntime-web';
import { UserError } from '../graph/errors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { DType } from '../graph/dtype.ts';
import { emit } from '../onnx/emit.ts';
import { type Compiled, checkPorts, type Engine, type EngineTensor, type HostArray, hostArray } from './contract.ts';
import { longSums } from './longSums.ts';
import { sumsOverRows } from './sumsOverRows.ts';

/** The module `onnxruntime-web`, or one of its entries (`onnxruntime-web/webgpu`). */
export type OrtWeb = typeof OnnxRuntimeWeb;

export interface OrtWebOptions {
  /** `webgpu` wants the entry of that name. Default: wasm. */
  readonly device?: 'wasm' | 'webgpu';
  /** Threads inside an operator; more than one needs a page that is cross-origin isolated. Default: the runtime's choice. */
  readonly threads?: number | undefined;
}

/** Copies a value to the host. A value of half floats is its bits. */
async function onHost(value: OnnxRuntimeWeb.Tensor): Promise<HostArray> {
  const data = (value.location === 'cpu' ? value.data : await value.getData()) as HostArray;
  return value.type === 'float16' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
}

class WebTensor implements EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly #make: (data: HostArray) => OnnxRuntimeWeb.Tensor;
  value: OnnxRuntimeWeb.Tensor;

  constructor(ort: OrtWeb, dtype: DType, shape: readonly number[], data: HostArray) {
    this.dtype = dtype;
    this.shape = shape;
    this.#make = (values) => new ort.Tensor(dtype as 'float32', values as Float32Array, shape);
    this.value = this.#make(data);
  }

  read = (): Promise<HostArray> => onHost(this.value);

  write(values: HostArray): void {
    this.take(this.#make(values.slice()));
  }

  take(value: OnnxRuntimeWeb.Tensor): void {
    this.dispose();
    this.value = value;
  }

  dispose(): void {
    if (this.value.location !== 'cpu') this.value.dispose();
  }
}

/**
 * onnxruntime-web: WebAssembly kernels, or WebGPU's. The runtime leaves an output that it was given unwritten and returns another
 * with the values: a tensor takes that one over. On WebGPU outputs that `stays` names live on the device from step to step.
 */
export function ortWeb(ort: OrtWeb, { device = 'wasm', threads }: OrtWebOptions = {}): Engine {
  if (threads !== undefined) ort.env.wasm.numThreads = threads;
  const tensor = (dtype: DType, shape: readonly number[], data: HostArray) => new WebTensor(ort, dtype, shape, data);
  return {
    name: `ort-web-${device}`,
    onDevice: device === 'webgpu',
    tensor,
    empty: (dtype, shape) => tensor(dtype, shape, hostArray(dtype, sizeOf(shape))),
    compile: async (program, { stays = () => false } = {}): Promise<Compiled> => {
      const places = [...program.outputs.keys()].map((name) => [name, stays(name) ? 'gpu-buffer' : 'cpu']);
      const session = await openSession(
        ort,
        device,
        emit(longSums(device === 'wasm' ? sumsOverRows(program) : program)),
        device === 'webgpu' ? { preferredOutputLocation: Object.fromEntries(places) } : { enableMemPattern: false },
      );
      return {
        run: async (feeds, into) => {
          checkPorts(program, feeds, into);
          const given = [...program.inputs.keys()].map((name) => [name, (feeds[name] as WebTensor).value]);
          const results = await session.run(Object.fromEntries(given), Object.keys(into));
          for (const [name, target] of Object.entries(into)) (target as WebTensor).take(results[name]!);
        },
        dispose: () => session.release(),
      };
    },
  };
}

async function openSession(
  ort: OrtWeb,
  device: string,
  model: Uint8Array,
  options: OnnxRuntimeWeb.InferenceSession.SessionOptions,
): Promise<OnnxRuntimeWeb.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: [device],
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      ...options,
    });
  } catch (error) {
    const [reason] = String((error as Error).message ?? error).split('\n');
    throw new UserError(`device ${device}: wanted onnxruntime-web to open a training step, got: ${reason}`);
  }
}
