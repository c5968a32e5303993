import { briefAddress } from '../address.ts';
import { join } from 'node:path';
import { type MessagePort, workerData } from 'node:worker_threads';
import sharp from 'sharp';
import { smallest } from '../../graph/lists.ts';
import { UserError } from '../../graph/errors.ts';
import { type Stream, stream } from '../../random/stream.ts';
import { normalise, normaliseTable } from '../augment/normalise.ts';
import type { TransformConfig } from '../augment/pipeline.ts';
import type { Pixels } from '../augment/pixels.ts';
import { randomErasing } from '../augment/randomErasing.ts';
import type { Planes } from '../augment/resampleVector.ts';
import { type DecodeLimits, openImage } from '../images/decodeNode.ts';
import { DiskCache, imageKey, pixelForm } from '../caches/diskCacheNode.ts';
import { MOST_SECONDS } from '../images/imageLimits.ts';
import { PixelBudget, type Release } from '../images/pixelBudgetNode.ts';
import { control, readPath, type StartMessage, type WorkerMessage, type WorkerSetup } from './loaderShared.ts';
import { type PixelCache, readCache, writeCache } from '../caches/pixelCache.ts';
import { epochOrder, positionAt, repeatedPlace, stepsPerEpoch, viewAt } from './sampler.ts';
import { prepare, varyTo } from './transformNode.ts';

/** Rows a worker has in hand at once: sharp runs on libuv's threads (4 a process), while this thread fills other rows. */
const lanes = 4;

const { setup, port } = workerData as { setup: WorkerSetup; port: MessagePort };
const { batch, train, seed, transform, cache, repeats, views, teacherView } = setup;
const erase = train ? (transform.train.erase ?? 0) : 0;
const labels = new Int32Array(setup.labels);
const bad = new Uint8Array(setup.bad);
const words = new Int32Array(setup.control);
const table = normaliseTable(transform.mean, transform.std);
const teacherTable = teacherView && normaliseTable(teacherView.mean, teacherView.std);
/** The transform at the teacher's size. */
const teacherTransform = teacherView && { ...transform, imageSize: teacherView.imageSize, filter: teacherView.filter };
/** Whether both views are cut from one and the same prepared image. */
const oneSource = train && transform.train.crop === 'randomResized';
/** Large images in hand, with the other workers. */
const limits: DecodeLimits = { budget: new PixelBudget(setup.pixels), seconds: setup.imageSeconds ?? MOST_SECONDS };
const warn = (text: string) => post({ kind: 'warning', text });
const disk = setup.disk && new DiskCache(setup.disk, pixelForm(transform, train), warn);
const teacherDisk =
  setup.disk && teacherTransform && !oneSource
    ? new DiskCache(setup.disk, pixelForm(teacherTransform, train), warn)
    : undefined;
const n = labels.length;
const steps = stepsPerEpoch(n, batch, train);
const slots = setup.slots.map((slot) => ({
  images: new Float32Array(slot.images),
  labels: new Int32Array(slot.labels),
  indices: new Int32Array(slot.indices),
  valid: new Uint8Array(slot.valid),
  views: new Int32Array(slot.views),
  ...(slot.teacherImages && { teacherImages: new Float32Array(slot.teacherImages) }),
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
  const release = await showRow(start, index, row);
  await release?.();
  const done = Atomics.add(words, control.rowsDone(slot), 1) + 1;
  if (done % batch === 0) post({ kind: 'ready' });
}

/** Everything about a row but that it is done. Gives what frees its image, where that is needed. */
async function showRow(start: StartMessage, index: number, row: number): Promise<Release | undefined> {
  const { epoch, step } = positionAt(start.firstStep + index, steps);
  const place = step * batch + row;
  const found = train ? await readTrainRow(epoch, place) : await readEvalRow(place);
  const target = slots[index % slots.length]!;
  const { student, teacher } = found.image ?? {};
  // Drawn alike for both, so that the same place is shown, and erased.
  const draw = (pixels: Pixels | undefined, config: TransformConfig, planes: Planes) =>
    write(pixels, config, planes, found.draws?.(), erase > 0 ? stream(seed, 'erase', epoch, place) : undefined);
  draw(student, transform, { table, out: target.images, offset: row * 3 * transform.imageSize ** 2 });
  if (target.teacherImages && wantsTeacher())
    draw(teacher, teacherTransform!, {
      ...{ table: teacherTable!, out: target.teacherImages },
      offset: row * 3 * teacherTransform!.imageSize ** 2,
    });
  target.indices[row] = found.index;
  target.labels[row] = found.index < 0 ? 0 : labels[found.index]!;
  target.valid[row] = found.image ? 1 : 0;
  target.views[row] = found.view ?? 0;
  return found.image?.release;
}

/** The image as the model sees it, for which training has `draws`; zeros where there is none. */
function write(
  pixels: Pixels | undefined,
  config: TransformConfig,
  planes: Planes,
  draws: Stream | undefined,
  erasing: Stream | undefined,
): void {
  const { out, offset, table } = planes;
  const { imageSize: size } = config;
  if (!pixels) out.fill(0, offset, offset + 3 * size ** 2);
  else if (draws) varyTo(planes, pixels, config, draws, size / transform.imageSize);
  else normalise(pixels, table, out, offset);
  if (pixels && erasing) randomErasing(out, offset, size, erase, erasing, transform.imageSize);
}

const wantsTeacher = (): boolean => teacherView !== undefined && Atomics.load(words, control.withoutTeacher) === 0;

interface Row {
  readonly index: number;
  readonly image?: Readied;
  /** In training: the stream that everything random about the row is drawn from, anew at each call. */
  readonly draws?: () => Stream;
  readonly view?: number;
}

/**
 * The order and the place in it that a row of an epoch shows, and the how-manieth showing of its image that is: with fixed views
 * each showing takes the next one, the copies of repeated augmentation too.
 */
function standing(epoch: number, place: number): { round: number; place: number; turn: number } {
  if (repeats === 1) return { round: epoch, place, turn: epoch + Math.floor(place / n) };
  const row = epoch * steps * batch + place;
  const at = repeatedPlace(row, n, repeats);
  return { ...at, turn: at.round * repeats + (row % repeats) };
}

/** The image at `place` of the epoch's order or, where that is bad, the next good one in the same order. */
async function readTrainRow(epoch: number, place: number): Promise<Row> {
  const from = standing(epoch, place);
  const order = orderOf(from.round);
  for (let skip = 0; skip < n; skip++) {
    const index = order[(from.place + skip) % n]!;
    const image = await readImage(index);
    if (!image) continue;
    // A list shorter than a batch comes round again within it; each round gets crops of its own.
    const round = Math.floor(place / n);
    const view = views && viewAt(views, readPath(setup.paths, index), from.turn);
    const keys = repeats > 1 ? [epoch, index, place] : round === 0 ? [epoch, index] : [epoch, index, round];
    const draws = () =>
      views ? stream(views.seed, 'view', readPath(setup.paths, index), view!) : stream(seed, 'augment', ...keys);
    return { index, image, draws, ...(view !== undefined && { view }) };
  }
  return { index: -1 };
}

async function readEvalRow(place: number): Promise<Row> {
  if (place >= n) return { index: -1 };
  const image = await readImage(place);
  return image ? { index: place, image } : { index: place };
}

/** What is the same in every epoch. */
interface Readied {
  readonly student: Pixels;
  readonly teacher?: Pixels;
  /** Of an image that was decoded just now: to be called when the row is written. */
  readonly release?: Release;
}

/** The prepared image, or undefined when it cannot be read, which is told once a worker that finds out. */
async function readImage(index: number): Promise<Readied | undefined> {
  if (Atomics.load(bad, index)) return undefined;
  const kept = cache && keptImage(cache, index);
  if (kept) return kept;
  const address = join(setup.paths.root, readPath(setup.paths, index));
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
    if (!(error instanceof UserError)) throw error;
    // Posted before the row is counted as done, so that the main thread knows before it takes the batch.
    const name = briefAddress(address);
    const named = error.message.includes(name) ? error.message : `${name}: ${error.message}`;
    post({ kind: 'bad', index, reason: named });
    Atomics.store(bad, index, 1);
    return undefined;
  }
}

/** What is kept of a decoded image, on the disk too. */
async function readied(decoded: Pixels, key: string | undefined): Promise<Readied> {
  const student = await prepare(decoded, transform, train);
  if (key !== undefined) disk!.write(key, student);
  if (!wantsTeacher()) return { student };
  const teacher = oneSource ? student : await prepare(decoded, teacherTransform!, train);
  if (key !== undefined) teacherDisk?.write(key, teacher);
  return { student, teacher };
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

/** Orders of the last two epochs: rows of both are in hand around an epoch's end. */
function orderOf(epoch: number): Uint32Array {
  let order = orders.get(epoch);
  if (!order) {
    order = epochOrder(n, seed, epoch);
    orders.set(epoch, order);
    if (orders.size > 2) orders.delete(smallest(orders.keys()));
  }
  return order;
}
