import { type Ort, ort } from './onnxRuntimeNode.ts';
import { input } from '../graph/build.ts';
import { UserError } from '../graph/errors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { DType } from '../graph/dtype.ts';
import { emit } from '../onnx/emit.ts';
import { closeProgram } from '../program/program.ts';
import { type Compiled, checkPorts, type Engine, type EngineTensor, type HostArray, hostArray } from './contract.ts';

/** Gives the host value of a tensor that lies on the device. */
type Fetch = (value: Ort.Tensor) => Promise<HostArray>;

class WebgpuTensor implements EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly #fetch: Fetch;
  value: Ort.Tensor;

  constructor(dtype: DType, shape: readonly number[], data: HostArray, fetch: Fetch) {
    this.dtype = dtype;
    this.shape = shape;
    this.#fetch = fetch;
    this.value = hostTensor(dtype, shape, data);
  }

  read(): Promise<HostArray> {
    return this.value.location === 'cpu' ? Promise.resolve(this.value.data as HostArray) : this.#fetch(this.value);
  }

  write(values: HostArray): void {
    this.take(hostTensor(this.dtype, this.shape, values.slice()));
  }

  take(value: Ort.Tensor): void {
    this.dispose();
    this.value = value;
  }

  dispose(): void {
    if (this.value.location !== 'cpu') this.value.dispose();
  }
}

const hostTensor = (dtype: DType, shape: readonly number[], data: HostArray): Ort.Tensor =>
  new ort.Tensor(dtype as 'float32', data as Float32Array, shape);

/**
 * ONNX Runtime's WebGPU kernels in Node (Dawn; on Linux through Vulkan). Outputs that `stays` names live on the device from
 * step to step. Such a tensor is fetched by a one-node program whose output is on the host: asking the tensor itself for its
 * data ends the process in ONNX Runtime 1.30.
 */
export function ortWebgpu(): Engine {
  const readers = new Map<string, Promise<Ort.InferenceSession>>();
  const fetch: Fetch = async (value) => {
    const key = `${value.type} ${value.dims.join('x')}`;
    const reader = readers.get(key) ?? openReader(value.type as DType, value.dims);
    readers.set(key, reader);
    return (await (await reader).run({ from: value })).to!.data as HostArray;
  };
  const tensor = (dtype: DType, shape: readonly number[], data: HostArray) =>
    new WebgpuTensor(dtype, shape, data, fetch);
  return {
    name: 'ort-node-webgpu',
    onDevice: true,
    tensor,
    empty: (dtype, shape) => tensor(dtype, shape, hostArray(dtype, sizeOf(shape))),
    compile: async (program, { stays = () => false } = {}): Promise<Compiled> => {
      const places = Object.fromEntries(
        [...program.outputs.keys()].map((name) => [name, stays(name) ? 'gpu-buffer' : 'cpu']),
      );
      const session = await openSession(emit(program), places as Record<string, 'cpu' | 'gpu-buffer'>);
      return {
        run: async (feeds, into) => {
          checkPorts(program, feeds, into);
          const given = Object.fromEntries(
            [...program.inputs.keys()].map((name) => [name, (feeds[name] as WebgpuTensor).value]),
          );
          const results = await session.run(given, Object.keys(into));
          for (const [name, target] of Object.entries(into)) (target as WebgpuTensor).take(results[name]!);
        },
        dispose: () => session.release(),
      };
    },
  };
}

function openReader(dtype: DType, shape: readonly number[]): Promise<Ort.InferenceSession> {
  return openSession(emit(closeProgram({ to: input('from', shape, dtype) })), { to: 'cpu' });
}

async function openSession(
  model: Uint8Array,
  preferredOutputLocation: Record<string, 'cpu' | 'gpu-buffer'>,
): Promise<Ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, {
      executionProviders: ['webgpu'],
      preferredOutputLocation,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw new UserError(
      `device webgpu: wanted a GPU (on Linux with a Vulkan driver), got: ${(error as Error).message.split('\n')[0]}. Compute on the CPU instead`,
    );
  }
}
