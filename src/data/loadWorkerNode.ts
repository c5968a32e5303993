import { join } from 'node:path';
import { type MessagePort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { stream } from '../random/stream.ts';
import { normalise, normaliseTable } from './augment/normalise.ts';
import type { Pixels } from './augment/pixels.ts';
import { randomErasing } from './augment/randomErasing.ts';
import { decodeImage } from './decodeNode.ts';
import { control, readPath, type StartMessage, type WorkerMessage, type WorkerSetup } from './loaderShared.ts';
import { readCache, writeCache } from './pixelCache.ts';
import { epochOrder, positionAt, repeatedPlace, stepsPerEpoch } from './sampler.ts';
import { prepare, vary } from './transformNode.ts';

/** Rows a worker has in hand at once: sharp runs on libuv's threads (4 a process), while this thread fills other rows. */
const lanes = 4;

const { setup, port } = workerData as { setup: WorkerSetup; port: MessagePort };
const { batch, train, seed, transform, cache, repeats } = setup;
const erase = train ? (transform.train.erase ?? 0) : 0;
const labels = new Int32Array(setup.labels);
const bad = new Uint8Array(setup.bad);
const words = new Int32Array(setup.control);
const table = normaliseTable(transform.mean, transform.std);
const n = labels.length;
const steps = stepsPerEpoch(n, batch, train);
const slots = setup.slots.map((slot) => ({
  images: new Float32Array(slot.images),
  labels: new Int32Array(slot.labels),
  indices: new Int32Array(slot.indices),
  valid: new Uint8Array(slot.valid),
}));
const orders = new Map<number, Uint32Array>();

sharp.concurrency(1);
sharp.cache(false);
port.on('message', (start: StartMessage) => {
  void runStream(start).then(() => post({ kind: 'idle', stream: start.stream }));
});

function post(message: WorkerMessage): void {
  port.postMessage(message);
}

/** Draw and fill rows until the stream ends or another one begins. */
async function runStream(start: StartMessage): Promise<void> {
  const inHand = new Set<Promise<void>>();
  const isCurrent = () => Atomics.load(words, control.stream) === start.stream;
  while (isCurrent()) {
    if (inHand.size >= lanes) await Promise.race(inHand);
    const ticket = Atomics.add(words, control.ticket, 1) >>> 0;
    const index = Math.floor(ticket / batch);
    if (index >= start.batches) break;
    while (isCurrent() && !isFree(index)) {
      // Blocking the thread is safe only with empty hands: a row in hand may be what the main thread waits for.
      if (inHand.size > 0) await Promise.race(inHand);
      else waitForSignal(index, isCurrent);
    }
    if (!isCurrent()) break;
    const row = fillRow(start, index, ticket % batch).finally(() => inHand.delete(row));
    inHand.add(row);
  }
  await Promise.all(inHand);
}

function isFree(index: number): boolean {
  const slot = index % slots.length;
  return Atomics.load(words, control.taken(slot)) >= Math.floor(index / slots.length);
}

function waitForSignal(index: number, isCurrent: () => boolean): void {
  const signal = Atomics.load(words, control.signal);
  if (isCurrent() && !isFree(index)) Atomics.wait(words, control.signal, signal);
}

async function fillRow(start: StartMessage, index: number, row: number): Promise<void> {
  const slot = index % slots.length;
  const { epoch, step } = positionAt(start.firstStep + index, steps);
  const place = step * batch + row;
  const found = train ? await readTrainRow(epoch, place) : await readEvalRow(place);
  const target = slots[slot]!;
  const rowSize = 3 * transform.imageSize ** 2;
  if (found.pixels) {
    normalise(found.pixels, table, target.images, row * rowSize);
    if (erase > 0)
      randomErasing(target.images, row * rowSize, transform.imageSize, erase, stream(seed, 'erase', epoch, place));
  } else target.images.fill(0, row * rowSize, (row + 1) * rowSize);
  target.indices[row] = found.index;
  target.labels[row] = found.index < 0 ? 0 : labels[found.index]!;
  target.valid[row] = found.pixels ? 1 : 0;
  const done = Atomics.add(words, control.rowsDone(slot), 1) + 1;
  if (done % batch === 0) post({ kind: 'ready' });
}

/** The image at `place` of the epoch's order or, where that is bad, the next good one in the same order. */
async function readTrainRow(epoch: number, place: number): Promise<{ index: number; pixels?: Pixels }> {
  const from = repeats > 1 ? repeatedPlace(epoch * steps * batch + place, n, repeats) : { round: epoch, place };
  const order = orderOf(from.round);
  for (let skip = 0; skip < n; skip++) {
    const index = order[(from.place + skip) % n]!;
    const image = await readImage(index);
    if (!image) continue;
    // A list shorter than a batch comes round again within it; each round gets crops of its own.
    const round = Math.floor(place / n);
    const keys = repeats > 1 ? [epoch, index, place] : round === 0 ? [epoch, index] : [epoch, index, round];
    return { index, pixels: await vary(image, transform, stream(seed, 'augment', ...keys)) };
  }
  return { index: -1 };
}

async function readEvalRow(place: number): Promise<{ index: number; pixels?: Pixels }> {
  if (place >= n) return { index: -1 };
  const pixels = await readImage(place);
  return pixels ? { index: place, pixels } : { index: place };
}

/** The prepared image, or undefined when it cannot be read, which is told once a worker that finds out. */
async function readImage(index: number): Promise<Pixels | undefined> {
  if (Atomics.load(bad, index)) return undefined;
  const kept = cache && readCache(cache, index);
  if (kept) return kept;
  let decoded: Pixels;
  try {
    decoded = await decodeImage(join(setup.paths.root, readPath(setup.paths, index)));
  } catch (error) {
    // Posted before the row is counted as done, so that the main thread knows before it takes the batch.
    post({ kind: 'bad', index, reason: (error as Error).message });
    Atomics.store(bad, index, 1);
    return undefined;
  }
  const prepared = await prepare(decoded, transform, train);
  if (cache) writeCache(cache, index, prepared);
  return prepared;
}

/** Orders of the last two epochs: rows of both are in hand around an epoch's end. */
function orderOf(epoch: number): Uint32Array {
  let order = orders.get(epoch);
  if (!order) {
    order = epochOrder(n, seed, epoch);
    orders.set(epoch, order);
    if (orders.size > 2) orders.delete(Math.min(...orders.keys()));
  }
  return order;
}
