import { parentPort } from 'node:worker_threads';
import * as ort from 'onnxruntime-node';
import { sizeOf } from '../graph/shape.ts';
import { hostArray } from './contract.ts';
import type { LanePort, LaneReply, LaneRequest } from './laneShared.ts';
import { type OrtSession, openSession } from './ortSessionNode.ts';

/** A thread that holds the sessions of a lane (see laneNode.ts). */
interface Held {
  readonly session: OrtSession;
  /** By port: tensors in this thread's own memory, which the binding takes. */
  readonly own: Map<string, ort.Tensor>;
}

const held = new Map<number, Held>();

async function answer(request: LaneRequest): Promise<void> {
  const { kind, session: id } = request;
  if (kind === 'compile') {
    const session = await openSession(request.model, { threads: request.threads });
    held.set(id, { session, own: new Map() });
    return;
  }
  const { session, own } = held.get(id)!;
  if (kind === 'dispose') {
    held.delete(id);
    return session.release();
  }
  const { feeds, into } = request;
  for (const port of feeds) (tensorOf(own, port).data as Float32Array).set(port.values as Float32Array);
  await session.run(tensorsOf(own, feeds), tensorsOf(own, into));
  for (const port of into) (port.values as Float32Array).set(tensorOf(own, port).data as Float32Array);
}

const tensorsOf = (own: Map<string, ort.Tensor>, ports: readonly LanePort[]): Record<string, ort.Tensor> =>
  Object.fromEntries(ports.map((port) => [port.name, tensorOf(own, port)]));

function tensorOf(own: Map<string, ort.Tensor>, { name, dtype, shape }: LanePort): ort.Tensor {
  const known = own.get(name);
  if (known) return known;
  const made = new ort.Tensor(dtype as 'float32', hostArray(dtype, sizeOf(shape)) as Float32Array, shape);
  own.set(name, made);
  return made;
}

// One after the other: requests come while the one before them waits.
let last: Promise<void> = Promise.resolve();
parentPort!.on('message', (request: LaneRequest) => {
  last = last
    .then(() => answer(request))
    .then(
      (): LaneReply => ({}),
      (error: unknown): LaneReply => ({ error: error instanceof Error ? error.message : String(error) }),
    )
    .then((reply) => parentPort!.postMessage(reply));
});
