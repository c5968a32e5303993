import type * as OnnxRuntimeWeb from 'onnxruntime-web';
import { MachineError, UserError } from '../graph/errors.ts';
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

/** A GPU that the browser took away: reset, unplugged, given to another page. Nothing that lay there is to be had any more. */
export class DeviceLost extends MachineError {
  override name = 'DeviceLost';
}

/** How its message begins. */
export const LOST = 'device webgpu: the browser took the GPU away';

/** Copies a value to the host. A value of half floats is its bits. */
async function onHost(value: OnnxRuntimeWeb.Tensor): Promise<HostArray> {
  const data = (value.location === 'cpu' ? value.data : await value.getData()) as HostArray;
  return value.type === 'float16' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data;
}

class WebTensor implements EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly #make: (data: HostArray) => OnnxRuntimeWeb.Tensor;
  readonly #watched: Watched;
  value: OnnxRuntimeWeb.Tensor;

  constructor(ort: OrtWeb, dtype: DType, shape: readonly number[], data: HostArray, watched: Watched) {
    this.#watched = watched;
    this.dtype = dtype;
    this.shape = shape;
    this.#make = (values) => new ort.Tensor(dtype as 'float32', values as Float32Array, shape);
    this.value = this.#make(data);
  }

  read = (): Promise<HostArray> => this.#watched(() => onHost(this.value));

  /** The value, where WebAssembly reads it. */
  async hosted(): Promise<OnnxRuntimeWeb.Tensor> {
    if (this.value.location !== 'cpu') this.take(this.#make(await this.read()));
    return this.value;
  }

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
export function ortWeb(ort: OrtWeb, { device: kind = 'wasm', threads }: OrtWebOptions = {}): Engine {
  if (threads !== undefined) ort.env.wasm.numThreads = threads;
  const device = watchedDevice(ort);
  const watched: Watched = kind === 'webgpu' ? device.watched : (work) => work();
  const tensor = (dtype: DType, shape: readonly number[], data: HostArray) =>
    new WebTensor(ort, dtype, shape, data, watched);
  return {
    name: `ort-web-${kind}`,
    onDevice: kind === 'webgpu',
    tensor,
    empty: (dtype, shape) => tensor(dtype, shape, hostArray(dtype, sizeOf(shape))),
    compile: async (program, { stays = () => false } = {}): Promise<Compiled> => {
      const places = [...program.outputs.keys()].map((name) => [name, stays(name) ? 'gpu-buffer' : 'cpu']);
      const session = await openSession(
        ort,
        kind,
        emit(longSums(kind === 'wasm' ? sumsOverRows(program) : program)),
        kind === 'webgpu' ? { preferredOutputLocation: Object.fromEntries(places) } : { enableMemPattern: false },
      );
      if (kind === 'webgpu') await device.watch();
      return {
        run: async (feeds, into) => {
          checkPorts(program, feeds, into);
          const given: Record<string, OnnxRuntimeWeb.Tensor> = {};
          for (const name of program.inputs.keys()) {
            const fed = feeds[name] as WebTensor;
            given[name] = kind === 'wasm' ? await fed.hosted() : fed.value;
          }
          const results = await watched(() => session.run(given, Object.keys(into)));
          for (const [name, target] of Object.entries(into)) (target as WebTensor).take(results[name]!);
        },
        dispose: () => device.release(session),
      };
    },
  };
}

/** Work on a device ends when it is lost, whatever the runtime makes of that. */
type Watched = <T>(work: () => Promise<T>) => Promise<T>;

/** What is used of a GPUDevice. */
interface Device {
  readonly lost: Promise<{ readonly message: string }>;
}

function watchedDevice(ort: OrtWeb) {
  let lost: Promise<never> | undefined;
  let gone: DeviceLost | undefined;
  const watched: Watched = async (work) => {
    // The runtime never comes back from a call on a device that is gone.
    if (gone) throw gone;
    try {
      const done = work();
      done.catch(() => undefined);
      return await (lost ? Promise.race([done, lost]) : done);
    } catch (error) {
      // A run that fails because the device goes is told as that, whichever is told first.
      await Promise.resolve();
      throw gone ?? error;
    }
  };
  return {
    watched,
    release: async (session: OnnxRuntimeWeb.InferenceSession): Promise<void> => {
      if (!gone) await session.release();
    },
    watch: async (): Promise<void> => {
      if (lost) return;
      // The runtime has a device once it has opened a session.
      const device = (await ort.env.webgpu.device) as unknown as Device;
      lost = device.lost.then(({ message }) => {
        gone = new DeviceLost(`${LOST} (${message || 'no reason given'})`);
        throw gone;
      });
      lost.catch(() => undefined);
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
