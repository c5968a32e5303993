import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { sizeOf } from '../graph/shape.ts';
import type { DType } from '../graph/tensor.ts';
import {
  type Compiled,
  checkPorts,
  type Engine,
  type EngineTensor,
  type HostArray,
  hostArray,
  type OpenLanes,
} from './contract.ts';
import type { LaneReply, LaneRequest } from './laneShared.ts';
import { modelOf } from './ortSessionNode.ts';

/** Tensors of lanes lie in shared memory: each lane can read and write them. */
class LaneTensor implements EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: HostArray;
  constructor(dtype: DType, shape: readonly number[]) {
    const like = hostArray(dtype, 0);
    const Shared = like.constructor as new (buffer: SharedArrayBuffer) => HostArray;
    this.dtype = dtype;
    this.shape = shape;
    this.values = new Shared(new SharedArrayBuffer(like.BYTES_PER_ELEMENT * sizeOf(shape)));
  }
  read = async (): Promise<HostArray> => this.values;
  write = (values: HostArray): void => (this.values as Float32Array).set(values as Float32Array);
  dispose = (): void => undefined;
}

/**
 * ONNX Runtime on a thread of its own: `run` leaves the calling thread free, so that several lanes compute beside each other.
 * Operators of one session wait for each other's threads thousands of times a step, lanes only at its end. What is fed and what
 * is wanted is copied once on its way, since the Node binding refuses shared memory; `tensor` copies the buffer that it is given.
 * @param threads inside an operator.
 */
export function laneNode(threads: number): Engine & { close(): Promise<void> } {
  const { ask, close } = startWorker();
  let sessions = 0;
  const empty = (dtype: DType, shape: readonly number[]): EngineTensor => new LaneTensor(dtype, shape);
  return {
    name: 'ort-node-lane',
    empty,
    tensor: (dtype, shape, data) => {
      const made = empty(dtype, shape);
      made.write(data);
      return made;
    },
    compile: async (program): Promise<Compiled> => {
      const session = sessions++;
      await ask({ kind: 'compile', session, model: await modelOf(program), threads });
      return {
        run: async (feeds, into) => {
          checkPorts(program, feeds, into);
          const port = (name: string, tensor: EngineTensor) => {
            const { dtype, shape, values } = tensor as LaneTensor;
            return { name, dtype, shape, values };
          };
          await ask({
            kind: 'run',
            session,
            feeds: [...program.inputs.keys()].map((name) => port(name, feeds[name]!)),
            into: Object.entries(into).map(([name, tensor]) => port(name, tensor)),
          });
        },
        dispose: () => ask({ kind: 'dispose', session }),
      };
    },
    close,
  };
}

/** So many lanes, which share the cores among them. Default: all cores. */
export function openLanes(count: number, cores = availableParallelism()): OpenLanes {
  const threads = Math.max(1, Math.floor(cores / count));
  const engines = Array.from({ length: count }, () => laneNode(threads));
  return {
    engines,
    close: async () => {
      await Promise.all(engines.map((engine) => engine.close()));
    },
  };
}

/** A worker that answers its requests in their order. It keeps the process alive only while something is asked. */
function startWorker(): { ask(request: LaneRequest): Promise<void>; close(): Promise<void> } {
  const worker = new Worker(workerUrl());
  worker.unref();
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let failure: Error | undefined;
  const settle = ({ error }: LaneReply): void => {
    const { resolve, reject } = waiting.shift()!;
    if (waiting.length === 0) worker.unref();
    if (error === undefined) resolve();
    else reject(new Error(error));
  };
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  worker.on('message', settle);
  worker.on('error', (error) => fail(new Error(`a lane crashed: ${(error as Error).message}`, { cause: error })));
  worker.on('exit', (code) => fail(new Error(`a lane ended early with code ${code}`)));
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure);
        if (waiting.length === 0) worker.ref();
        waiting.push({ resolve, reject });
        worker.postMessage(request);
      }),
    close: async () => {
      await worker.terminate();
    },
  };
}

/** Threads cannot run TypeScript, so the sources use the build beside them. */
function workerUrl(): URL {
  const compiled = import.meta.url.endsWith('.ts') ? '../../dist/engine/laneWorkerNode.js' : './laneWorkerNode.js';
  return new URL(compiled, import.meta.url);
}
