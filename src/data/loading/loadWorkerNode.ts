import { briefAddress } from '../address.ts';
import { join } from 'node:path';
import { type MessagePort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { MachineError, UserError } from '../../graph/errors.ts';
import { printable } from '../../graph/printable.ts';
import type { Pixels } from '../augment/pixels.ts';
import { type DecodeLimits, openImage } from '../images/decodeNode.ts';
import { DiskCache, imageKey, pixelForm } from '../caches/diskCacheNode.ts';
import { MOST_SECONDS } from '../images/imageLimits.ts';
import { PixelBudget } from '../images/pixelBudgetNode.ts';
import { control, readPath, type StartMessage, type WorkerMessage, type WorkerSetup } from './loaderShared.ts';
import { type PixelCache, readCache, writeCache } from '../caches/pixelCache.ts';
import { type Readied, RowMaker } from './rows.ts';
import { stepAt } from './sampler.ts';

/** Rows a worker has in hand at once: sharp runs on libuv's threads (4 a process), while this thread fills other rows. */
const lanes = 4;

const { setup, port } = workerData as { setup: WorkerSetup; port: MessagePort };
const { batch, train, transform, cache, teacherView } = setup;
const labels = new Int32Array(setup.labels);
const bad = new Uint8Array(setup.bad);
const words = new Int32Array(setup.control);
const n = labels.length;
const wantsTeacher = (): boolean => teacherView !== undefined && Atomics.load(words, control.withoutTeacher) === 0;
const pathOf = (index: number): string => readPath(setup.paths, index);
const rows = new RowMaker({ ...setup, count: n, pathOf, labelOf: (index) => labels[index]! }, wantsTeacher);
const { teacherTransform, teacherVaries, oneSource } = rows;
/** Large images in hand, with the other workers. */
const limits: DecodeLimits = { budget: new PixelBudget(setup.pixels), seconds: setup.imageSeconds ?? MOST_SECONDS };
const warn = (text: string) => post({ kind: 'warning', text });
const disk = setup.disk && new DiskCache(setup.disk, pixelForm(transform, train), warn);
const teacherDisk =
  setup.disk && teacherTransform && !oneSource
    ? new DiskCache(setup.disk, pixelForm(teacherTransform, teacherVaries), warn)
    : undefined;
const slots = setup.slots.map((slot) => ({
  images: new Float32Array(slot.images),
  labels: new Int32Array(slot.labels),
  indices: new Int32Array(slot.indices),
  valid: new Uint8Array(slot.valid),
  views: new Int32Array(slot.views),
  ...(slot.teacherImages && { teacherImages: new Float32Array(slot.teacherImages) }),
}));

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
  disk?.flush();
  teacherDisk?.flush();
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
  // In a frame of its own, so that nothing refers to the image any more when it is freed.
  const release = await rows.write(
    slots[slot]!,
    stepAt(index, start.firstStep, start.steps, start.share),
    row,
    readImage,
  );
  await release?.();
  const done = Atomics.add(words, control.rowsDone(slot), 1) + 1;
  if (done % batch === 0) post({ kind: 'ready' });
}

/** The prepared image, or undefined when it cannot be read, which is told once a worker that finds out. */
async function readImage(index: number): Promise<Readied | undefined> {
  if (Atomics.load(bad, index)) return undefined;
  const kept = cache && keptImage(cache, index);
  if (kept) return kept;
  const address = join(setup.paths.root, pathOf(index));
  // Asked before the file is read: what changes in between is kept under a state that is never seen again.
  const key = disk && imageKey(address);
  const found = key === undefined ? undefined : imageOnDisk(key);
  if (found) return keepImage(index, found);
  try {
    const { value, release } = await openImage(address, limits);
    try {
      return { ...keepImage(index, await readied(value, key)), release };
    } catch (error) {
      await release();
      throw error;
    }
  } catch (error) {
    if (error instanceof MachineError) {
      // A class does not outlive the way to another thread.
      post({ kind: 'refused', reason: error.message });
      return undefined;
    }
    if (!(error instanceof UserError)) throw error;
    // Posted before the row is counted as done, so that the main thread knows before it takes the batch.
    const name = printable(briefAddress(address));
    const named = error.message.includes(name) ? error.message : `${name}: ${error.message}`;
    post({ kind: 'bad', index, reason: named });
    Atomics.store(bad, index, 1);
    return undefined;
  }
}

/** What is kept of a decoded image, on the disk too. */
async function readied(decoded: Pixels, key: string | undefined): Promise<Readied> {
  const found = await rows.ready(decoded);
  if (key !== undefined) disk!.write(key, found.student);
  if (key !== undefined && found.teacher) teacherDisk?.write(key, found.teacher);
  return found;
}

function imageOnDisk(key: string): Readied | undefined {
  const student = disk!.read(key);
  if (!student || !wantsTeacher()) return student && { student };
  const teacher = oneSource ? student : teacherDisk!.read(key);
  return teacher && { student, teacher };
}

/** Keeps it in memory too, where there is room. */
function keepImage(index: number, image: Readied): Readied {
  if (cache) writeCache(cache, index, image.student);
  if (cache && image.teacher && !oneSource) writeCache(cache, n + index, image.teacher);
  return image;
}

function keptImage(cache: PixelCache, index: number): Readied | undefined {
  const student = readCache(cache, index);
  if (!student || !wantsTeacher()) return student && { student };
  const teacher = oneSource ? student : readCache(cache, n + index);
  return teacher && { student, teacher };
}
