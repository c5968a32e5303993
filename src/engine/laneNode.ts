import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { sizeOf } from '../graph/shape.ts';
import type { DType } from '../graph/dtype.ts';
// Threads see the variables that the process has: it is set here, before theirs load ONNX Runtime.
import './noTelemetryNode.ts';
import {
  arrayOn,
  type Compiled,
  checkPorts,
  type Engine,
  type EngineTensor,
  type HostArray,
  hostArray,
  type OpenLanes,
} from './contract.ts';
import type { LanePort, LaneReply, LaneRequest, LaneTarget } from './laneShared.ts';
import { modelOf } from './ortSessionNode.ts';

class HostTensor implements EngineTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** A tensor of its own gets another array with each run into it: the lane's memory moves here and at the next run back. */
  readonly own: boolean;
  values: HostArray;
  constructor(dtype: DType, shape: readonly number[], values: HostArray, own: boolean) {
    this.dtype = dtype;
    this.shape = shape;
    this.values = values;
    this.own = own;
  }
  read = async (): Promise<HostArray> => this.values;
  write = (values: HostArray): void => (this.values as Float32Array).set(values as Float32Array);
  dispose = (): void => undefined;
}

/** In memory that threads share. */
function sharedArray(dtype: DType, size: number): HostArray {
  return arrayOn(dtype, new SharedArrayBuffer(hostArray(dtype, 0).BYTES_PER_ELEMENT * size));
}

/**
 * ONNX Runtime on a thread of its own: `run` leaves the calling thread free, so that several lanes compute beside each other.
 * Operators of one session wait for each other's threads thousands of times a step, lanes only at its end. What is fed is
 * copied on its way, since the Node binding refuses shared memory; what was computed moves. A session has one shared buffer for
 * each of its inputs: shared memory that nobody uses any more does not move the garbage collector, and a new one a run would
 * fill the machine.
 * @param threads inside an operator.
 */
export function laneNode(threads: number): Engine & { close(): Promise<void> } {
  const { ask, close } = startWorker();
  let sessions = 0;
  return {
    name: 'ort-node-lane',
    empty: (dtype, shape) => new HostTensor(dtype, shape, sharedArray(dtype, sizeOf(shape)), true),
    tensor: (dtype, shape, data) => new HostTensor(dtype, shape, data, false),
    compile: async (program): Promise<Compiled> => {
      const session = sessions++;
      await ask({ kind: 'compile', session, model: await modelOf(program), threads });
      const shared = new Map<string, HostArray>();
      const given = (name: string, { dtype, shape, values }: HostTensor): LanePort => {
        if (values.buffer instanceof SharedArrayBuffer) return { name, dtype, shape, values };
        const port = shared.get(name) ?? sharedArray(dtype, values.length);
        shared.set(name, port);
        (port as Float32Array).set(values as Float32Array);
        return { name, dtype, shape, values: port };
      };
      return {
        run: async (feeds, into) => {
          checkPorts(program, feeds, into);
          const targets = Object.entries(into) as [string, HostTensor][];
          const moved = new Set<ArrayBuffer>();
          const wanted = targets.map(([name, { dtype, shape, own, values }]): LaneTarget => {
            const { buffer } = values;
            const room = own && buffer instanceof ArrayBuffer && !moved.has(buffer) ? buffer : undefined;
            if (room) moved.add(room);
            return { name, dtype, shape, room };
          });
          const ports = [...program.inputs.keys()].map((name) => given(name, feeds[name] as HostTensor));
          const { found, error } = await ask({ kind: 'run', session, feeds: ports, into: wanted }, [...moved]);
          for (const [i, [, target]] of targets.entries()) {
            const values = arrayOn(target.dtype, found![i]!);
            if (target.own) target.values = values;
            else target.write(values);
          }
          if (error !== undefined) throw new Error(error);
        },
        dispose: async () => void (await ask({ kind: 'dispose', session })),
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

interface Lane {
  /** @param moves memory of the request that the lane takes over. */
  ask(request: LaneRequest, moves?: readonly ArrayBuffer[]): Promise<LaneReply>;
  close(): Promise<void>;
}

/** A worker that answers its requests in their order. It keeps the process alive only while something is asked. */
function startWorker(): Lane {
  const worker = new Worker(workerUrl());
  worker.unref();
  const waiting: { resolve: (reply: LaneReply) => void; reject: (error: Error) => void }[] = [];
  let failure: Error | undefined;
  const settle = (reply: LaneReply): void => {
    const { resolve, reject } = waiting.shift()!;
    if (waiting.length === 0) worker.unref();
    // A run that failed gives memory back, too.
    if (reply.error === undefined || reply.found) resolve(reply);
    else reject(new Error(reply.error));
  };
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  worker.on('message', settle);
  worker.on('error', (error) => fail(new Error(`a lane crashed: ${(error as Error).message}`, { cause: error })));
  worker.on('exit', (code) => fail(new Error(`a lane ended early with code ${code}`)));
  return {
    ask: (request, moves = []) =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure);
        // First of all, since it throws where something cannot be moved: a request that was not sent has no reply.
        worker.postMessage(request, [...moves]);
        if (waiting.length === 0) worker.ref();
        waiting.push({ resolve, reject });
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
