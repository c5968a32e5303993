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

class HostTensor implements EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: HostArray;
  constructor(dtype: DType, shape: readonly number[], values: HostArray) {
    this.dtype = dtype;
    this.shape = shape;
    this.values = values;
  }
  read = async (): Promise<HostArray> => this.values;
  write = (values: HostArray): void => (this.values as Float32Array).set(values as Float32Array);
  dispose = (): void => undefined;
}

/** In memory that threads share. */
function sharedArray(dtype: DType, size: number): HostArray {
  const like = hostArray(dtype, 0);
  const Shared = like.constructor as new (buffer: SharedArrayBuffer) => HostArray;
  return new Shared(new SharedArrayBuffer(like.BYTES_PER_ELEMENT * size));
}

/**
 * ONNX Runtime on a thread of its own: `run` leaves the calling thread free, so that several lanes compute beside each other.
 * Operators of one session wait for each other's threads thousands of times a step, lanes only at its end. What is fed and what
 * is wanted is copied on its way, since the Node binding refuses shared memory. A session has one shared buffer for each of its
 * ports: shared memory that nobody uses any more does not move the garbage collector, and a new one a run would fill the machine.
 * @param threads inside an operator.
 */
export function laneNode(threads: number): Engine & { close(): Promise<void> } {
  const { ask, close } = startWorker();
  let sessions = 0;
  return {
    name: 'ort-node-lane',
    empty: (dtype, shape) => new HostTensor(dtype, shape, sharedArray(dtype, sizeOf(shape))),
    tensor: (dtype, shape, data) => new HostTensor(dtype, shape, data),
    compile: async (program): Promise<Compiled> => {
      const session = sessions++;
      await ask({ kind: 'compile', session, model: await modelOf(program), threads });
      const ports = new Map<string, HostArray>();
      const port = (name: string, tensor: EngineTensor) => {
        const { dtype, shape, values } = tensor as HostTensor;
        if (values.buffer instanceof SharedArrayBuffer) return { name, dtype, shape, values };
        const own = ports.get(name) ?? sharedArray(dtype, values.length);
        ports.set(name, own);
        return { name, dtype, shape, values: own };
      };
      return {
        run: async (feeds, into) => {
          checkPorts(program, feeds, into);
          const given = [...program.inputs.keys()].map((name) => port(name, feeds[name]!));
          const wanted = Object.entries(into).map(([name, tensor]) => port(name, tensor));
          for (const { name, values } of given) {
            const fed = (feeds[name] as HostTensor).values;
            if (fed !== values) (values as Float32Array).set(fed as Float32Array);
          }
          await ask({ kind: 'run', session, feeds: given, into: wanted });
          for (const { name, values } of wanted) {
            const target = (into[name] as HostTensor).values;
            if (target !== values) (target as Float32Array).set(values as Float32Array);
          }
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
