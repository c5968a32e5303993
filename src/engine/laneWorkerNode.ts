import { parentPort } from 'node:worker_threads';
import { type Ort, ort } from './onnxRuntimeNode.ts';
import { sizeOf } from '../graph/shape.ts';
import type { DType } from '../graph/dtype.ts';
import { arrayOn, hostArray } from './contract.ts';
import type { LanePort, LaneReply, LaneRequest } from './laneShared.ts';
import { type OrtSession, openSession } from './ortSessionNode.ts';

/** A thread that holds the sessions of a lane (see laneNode.ts). */
interface Held {
  readonly session: OrtSession;
  /** By input: tensors in this thread's own memory, which the binding takes. */
  readonly own: Map<string, Ort.Tensor>;
}

const held = new Map<number, Held>();

async function answer(request: LaneRequest): Promise<LaneReply> {
  const { kind, session: id } = request;
  if (kind === 'compile') {
    const session = await openSession(request.model, { threads: request.threads });
    held.set(id, { session, own: new Map() });
    return {};
  }
  const { session, own } = held.get(id)!;
  if (kind === 'dispose') {
    held.delete(id);
    await session.release();
    return {};
  }
  const { feeds, into } = request;
  for (const port of feeds) (tensorOf(own, port).data as Float32Array).set(port.values as Float32Array);
  const given = Object.fromEntries(feeds.map((port) => [port.name, tensorOf(own, port)]));
  const found = into.map(
    ({ dtype, shape, room }) => new ort.Tensor(dtype as 'float32', arrayIn(dtype, shape, room), shape),
  );
  const wanted = Object.fromEntries(into.map(({ name }, i) => [name, found[i]!]));
  const error = await session.run(given, wanted).then(() => undefined, messageOf);
  return { found: found.map(({ data }) => data.buffer as ArrayBuffer), ...(error === undefined ? {} : { error }) };
}

function tensorOf(own: Map<string, Ort.Tensor>, { name, dtype, shape }: LanePort): Ort.Tensor {
  const known = own.get(name);
  if (known) return known;
  const made = new ort.Tensor(dtype as 'float32', arrayIn(dtype, shape, undefined), shape);
  own.set(name, made);
  return made;
}

function arrayIn(dtype: DType, shape: readonly number[], room: ArrayBuffer | undefined): Float32Array {
  return (room ? arrayOn(dtype, room) : hostArray(dtype, sizeOf(shape))) as Float32Array;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

// One after the other: requests come while the one before them waits.
let last: Promise<void> = Promise.resolve();
parentPort!.on('message', (request: LaneRequest) => {
  last = last
    .then(() => answer(request))
    .catch((error: unknown): LaneReply => ({ error: messageOf(error) }))
    .then((reply) => parentPort!.postMessage(reply, [...(reply.found ?? [])]));
});
