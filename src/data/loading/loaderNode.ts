import { availableParallelism } from 'node:os';
import { shardBytes } from '../../formats/disk/shardFolderNode.ts';
import { MachineError, UserError } from '../../graph/errors.ts';
import { drawMix, type Mix, mixRows, scaledMix } from '../augment/mix.ts';
import { SPARE_BYTES } from '../caches/diskCacheNode.ts';
import type { DiskCacheSetup } from '../caches/diskCacheSetup.ts';
import { newHold, renewHold } from '../caches/diskHoldsNode.ts';
import { imageCacheFolder } from '../caches/imageCacheFolderNode.ts';
import {
  control,
  type SlotBuffers,
  type StartMessage,
  type TeacherView,
  type WorkerSetup,
  writePaths,
} from './loaderShared.ts';
import { createPixelCache } from '../caches/pixelCache.ts';
import { batchesLeft, globalStep, type Position, positionAt, type Share, stepAt, stepsPerEpoch } from './sampler.ts';
import { createWorkerPool, type WorkerPool } from './workerPoolNode.ts';
import type { LoaderOptions, LoadedBatch, Loader } from './loader.ts';
import { tooManyBad } from './tooManyBad.ts';

/** Our choice: how long workers may take to finish what they keep on the disk; what they have not by then is lost. */
const FLUSH_MS = 3000;
/** More batches than any run has, few enough for 32-bit row counters (4e9 rows a stream). */
const endless = 2 ** 31;

/**
 * Decode and augment images in worker threads that run ahead of the caller, also while it blocks the main thread. Each
 * row is a function of (seed, epoch, image) alone, so the number of workers, the cache and a restart change no byte.
 * Call close() at the end: it gives the memory back. Throws UserError for an empty list or a count below 1.
 */
export function createLoader(options: LoaderOptions): Loader {
  checkOptions(options);
  const { list, batch, train } = options;
  const n = list.paths.length;
  const allowed = options.maxBadFraction ?? 0.01;
  const setup = allocate(options);
  const bad = new Map<string, string>();
  const warned = new Set<string>();
  const pool = createWorkerPool(setup, options.workers ?? defaultWorkers(), (message) => {
    if (message.kind === 'warning' && !warned.has(message.text)) options.onWarning?.(message.text);
    if (message.kind === 'warning') warned.add(message.text);
    if (message.kind === 'refused') pool.fail(new MachineError(message.reason));
    if (message.kind !== 'bad') return;
    // Several workers may find the same image out.
    if (!bad.has(list.paths[message.index]!)) options.onBad?.(message.reason);
    bad.set(list.paths[message.index]!, message.reason);
    if (bad.size > allowed * n || bad.size === n) pool.fail(tooManyBad(bad, n, allowed));
  });
  const steps = stepsPerEpoch(n, batch, train);
  const streams = createStreams(setup, pool, options);
  const batches = (from: Position = { epoch: 0, step: 0 }, share?: Share) =>
    streams({
      firstStep: globalStep(from, steps),
      batches: train ? endless : batchesLeft(from, steps, share),
      steps,
      share,
    });
  const words = new Int32Array(setup.control);
  const showTeacher = (wanted: boolean) => void Atomics.store(words, control.withoutTeacher, wanted ? 0 : 1);
  const endHold = setup.disk && renewHold(setup.disk.hold);
  const close = async () => {
    pool.fail(new Error('Loader: closed'));
    // Ends the stream, so that what the workers keep on the disk is made whole.
    Atomics.add(words, control.stream, 1);
    signal(words);
    await pool.close(options.disk ? FLUSH_MS : 0);
    endHold?.();
  };
  return { stepsPerEpoch: steps, bad, batches, showTeacher, close };
}

/** Streams of batches from the pool, one at a time. */
function createStreams(setup: WorkerSetup, pool: WorkerPool, options: LoaderOptions) {
  const words = new Int32Array(setup.control);
  const count = setup.slots.length;
  const take = batchTaker(words, setup, options);

  /** Give the workers a new stream number, which ends what they do, and wake those that wait. */
  function endStream(): number {
    const stream = Atomics.add(words, control.stream, 1) + 1;
    signal(words);
    return stream;
  }

  return async function* batches(span: Omit<StartMessage, 'stream'>): AsyncGenerator<LoadedBatch, void> {
    const { firstStep, batches: total, steps, share } = span;
    const stream = endStream();
    // Only when the rows in hand are done may the counters begin anew.
    await pool.idle();
    words.fill(0, control.ticket, control.withoutTeacher);
    words.fill(0, control.header);
    pool.start({ stream, ...span });
    const isOver = () => words[control.stream] !== stream;
    try {
      for (let index = 0; index < total; index++) {
        const began = performance.now();
        await pool.until(() => isOver() || isReady(words, index, setup.batch, count));
        if (isOver()) throw new Error('internal: batches() was called again, which ended this stream');
        const waitSeconds = (performance.now() - began) / 1000;
        const position = positionAt(stepAt(index, firstStep, steps, share), steps);
        yield { ...take(index % count, position), ...position, waitSeconds };
      }
    } finally {
      if (!isOver()) endStream();
    }
  };
}

function allocate(options: LoaderOptions): WorkerSetup {
  const { list, batch, train, seed, transform, prefetch = 3, cacheMB = 512, repeats = 1, views, teacherView } = options;
  const n = list.paths.length;
  const labels = new SharedArrayBuffer(4 * n);
  new Int32Array(labels).set(list.labels);
  const cache = createPixelCache(teacherView ? 2 * n : n, cacheMB);
  return {
    paths: writePaths(list),
    labels,
    bad: new SharedArrayBuffer(n),
    ...{ transform, batch, train, seed, repeats },
    control: new SharedArrayBuffer(4 * (control.header + 2 * prefetch)),
    pixels: new SharedArrayBuffer(4),
    imageSeconds: options.imageSeconds,
    slots: Array.from({ length: prefetch }, () => allocateSlot(batch, transform.imageSize, teacherView)),
    ...(views && { views }),
    ...(teacherView && { teacherView }),
    ...(cache && { cache }),
    ...(options.disk && { disk: diskSetup(options.disk) }),
  };
}

function diskSetup(disk: NonNullable<LoaderOptions['disk']>): DiskCacheSetup {
  const used = new SharedArrayBuffer(8);
  const dir = imageCacheFolder(disk.dir);
  new Float64Array(used)[0] = shardBytes(dir);
  return { spareBytes: SPARE_BYTES, ...disk, dir, used, hold: newHold(dir) };
}

function signal(words: Int32Array): void {
  Atomics.add(words, control.signal, 1);
  Atomics.notify(words, control.signal);
}

/** Whether all rows of the stream's batch `index` are in its slot. */
function isReady(words: Int32Array, index: number, batch: number, prefetch: number): boolean {
  const rounds = Math.floor(index / prefetch) + 1;
  return Atomics.load(words, control.rowsDone(index % prefetch)) >>> 0 >= rounds * batch;
}

/** Copies a finished slot to arrays of the caller and frees it; arrays come back by release() and are used again. */
function batchTaker(words: Int32Array, setup: WorkerSetup, { mix: mixing, list }: LoaderOptions) {
  const { slots, batch, seed, transform, teacherView } = setup;
  const [spare, spareTeacher]: [Float32Array[], Float32Array[]] = [[], []];
  // The batch is copied anyway: to mix while copying costs next to nothing, and all who see the batch see it mixed.
  const copy = (from: SharedArrayBuffer, kept: Float32Array[], size: number, mix: Mix | undefined) => {
    const shared = new Float32Array(from);
    const out = kept.pop() ?? new Float32Array(shared.length);
    if (mix) mixRows(shared, out, batch, size, scaledMix(mix, size / transform.imageSize));
    else out.set(shared);
    return out;
  };
  return (slot: number, { epoch, step }: Position) => {
    const from = slots[slot]!;
    const mix = mixing && drawMix(mixing, transform.imageSize, seed, epoch, step);
    const images = copy(from.images, spare, transform.imageSize, mix);
    const teacherImages = from.teacherImages && copy(from.teacherImages, spareTeacher, teacherView!.imageSize, mix);
    const views = new Int32Array(from.views).slice();
    const valid = new Uint8Array(from.valid).slice();
    const [labels, indices] = [new Int32Array(from.labels).slice(), new Int32Array(from.indices).slice()];
    const sets = list.sets && Array.from(indices, (index) => list.sets![index] ?? []);
    Atomics.add(words, control.taken(slot), 1);
    signal(words);
    let held = true;
    const release = () => {
      if (held) spare.push(images);
      if (held && teacherImages) spareTeacher.push(teacherImages);
      held = false;
    };
    const count = valid.reduce((sum, x) => sum + x, 0);
    const own = mix?.own ?? 1;
    const besides = { ...(sets && { sets }), ...(teacherImages && { teacherImages }) };
    return { images, labels, indices, valid, views, ...besides, count, own, release };
  };
}

function allocateSlot(batch: number, size: number, teacher: TeacherView | undefined): SlotBuffers {
  return {
    views: new SharedArrayBuffer(4 * batch),
    ...(teacher && { teacherImages: new SharedArrayBuffer(4 * batch * 3 * teacher.imageSize ** 2) }),
    images: new SharedArrayBuffer(4 * batch * 3 * size * size),
    labels: new SharedArrayBuffer(4 * batch),
    indices: new SharedArrayBuffer(4 * batch),
    valid: new SharedArrayBuffer(batch),
  };
}

function defaultWorkers(): number {
  return Math.min(8, Math.max(1, availableParallelism() - 1));
}

function checkOptions({ list, batch, workers = 1, prefetch = 1, repeats = 1 }: LoaderOptions): void {
  if (list.paths.length === 0) throw new UserError(`Loader: list ${list.root}: wanted images, got none`);
  for (const [name, value] of Object.entries({ batch, workers, prefetch, repeats }))
    if (!Number.isInteger(value) || value < 1)
      throw new UserError(`Loader: ${name}: wanted a whole number from 1 on, got ${value}`);
}
