import { printable } from '../../graph/printable.ts';
import { MachineError, UserError } from '../../graph/errors.ts';
import { drawMix, type Mix, mixRows, scaledMix } from '../augment/mix.ts';
import type { Pixels } from '../augment/pixels.ts';
import type { LoadedBatch, Loader, LoaderOptions } from './loader.ts';
import { type BatchArrays, type Readied, RowMaker } from './rows.ts';
import { batchesLeft, globalStep, type Position, positionAt, type Share, stepAt, stepsPerEpoch } from './sampler.ts';
import { tooManyBad } from './tooManyBad.ts';

/** The decoded image of a path of a list. @throws UserError where it cannot be read. */
export type ReadPixels = (path: string) => Promise<Pixels>;

/**
 * Batches without worker threads, on any platform: images come from a function, and the rows are those of every loader, byte for
 * byte. The next batch is made while the caller computes, as far as one thread allows. Decoded images are kept in memory up to
 * `cacheMB`; `workers`, `prefetch` and `disk` say nothing here.
 */
export function plainLoader(options: LoaderOptions, read: ReadPixels): Loader {
  const { list, batch, train, seed, transform, repeats = 1, views, teacherView } = options;
  const n = list.paths.length;
  if (n === 0) throw new UserError(`Loader: list ${list.root}: wanted images, got none`);
  const steps = stepsPerEpoch(n, batch, train);
  let teacherWanted = true;
  let stream = 0;
  const images = new ImageShelf(options, read, (decoded) => rows.ready(decoded));
  const rows: RowMaker = new RowMaker(
    {
      ...{ count: n, transform, batch, train, seed, repeats, views, teacherView },
      pathOf: (index) => list.paths[index]!,
      labelOf: (index) => list.labels[index]!,
    },
    (index) => images.get(index),
    () => teacherWanted,
  );
  const make = async (step: number): Promise<LoadedBatch> => {
    const arrays = allocate(options);
    for (let row = 0; row < batch; row++) await (await rows.write(arrays, step, row))?.();
    return batchOf(arrays, positionAt(step, steps), options);
  };
  async function* batches(
    from: Position = { epoch: 0, step: 0 },
    share?: Share,
  ): AsyncGenerator<LoadedBatch, void, void> {
    const own = ++stream;
    const first = globalStep(from, steps);
    const total = train ? Number.POSITIVE_INFINITY : batchesLeft(from, steps, share);
    const makeAt = (index: number) => (index < total ? make(stepAt(index, first, steps, share)) : undefined);
    let next = makeAt(0);
    for (let index = 0; next; index++) {
      const began = performance.now();
      const made = await next;
      const waitSeconds = (performance.now() - began) / 1000;
      if (own !== stream) return;
      next = makeAt(index + 1);
      // Whoever asks for it is told.
      next?.catch(() => undefined);
      yield { ...made, waitSeconds };
    }
  }
  return {
    stepsPerEpoch: steps,
    bad: images.bad,
    batches,
    showTeacher: (wanted) => {
      if (wanted !== teacherWanted) images.clear();
      teacherWanted = wanted;
    },
    close: async () => {
      stream++;
      images.clear();
    },
  };
}

/** What is the same of each image in every epoch, kept where there is room. */
class ImageShelf {
  readonly bad = new Map<string, string>();
  readonly #options: LoaderOptions;
  readonly #read: ReadPixels;
  readonly #ready: (decoded: Pixels) => Promise<Readied>;
  readonly #kept = new Map<number, Promise<Readied | undefined>>();
  #bytes = 0;

  constructor(options: LoaderOptions, read: ReadPixels, ready: (decoded: Pixels) => Promise<Readied>) {
    this.#options = options;
    this.#read = read;
    this.#ready = ready;
  }

  async get(index: number): Promise<Readied | undefined> {
    const path = this.#options.list.paths[index]!;
    if (this.bad.has(path)) return undefined;
    const kept = this.#kept.get(index);
    if (kept) return kept;
    const image = await this.#open(path);
    const { student, teacher } = image ?? {};
    const size = (student?.data.length ?? 0) + (teacher === student ? 0 : (teacher?.data.length ?? 0));
    if (image && this.#bytes + size <= (this.#options.cacheMB ?? 512) * 2 ** 20) {
      this.#bytes += size;
      this.#kept.set(index, Promise.resolve(image));
    }
    return image;
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  async #open(path: string): Promise<Readied | undefined> {
    const { list, maxBadFraction = 0.01, onBad } = this.#options;
    try {
      return await this.#ready(await this.#read(path));
    } catch (error) {
      if (!(error instanceof UserError) || error instanceof MachineError) throw error;
      const name = printable(path);
      const reason = error.message.includes(name) ? error.message : `${name}: ${error.message}`;
      this.bad.set(path, reason);
      onBad?.(reason);
      const n = list.paths.length;
      if (this.bad.size > maxBadFraction * n || this.bad.size === n) throw tooManyBad(this.bad, n, maxBadFraction);
      return undefined;
    }
  }
}

function allocate({ batch, transform: { imageSize }, teacherView }: LoaderOptions): BatchArrays {
  return {
    images: new Float32Array(batch * 3 * imageSize ** 2),
    labels: new Int32Array(batch),
    indices: new Int32Array(batch),
    valid: new Uint8Array(batch),
    views: new Int32Array(batch),
    ...(teacherView && { teacherImages: new Float32Array(batch * 3 * teacherView.imageSize ** 2) }),
  };
}

/** A made batch, mixed. */
function batchOf(arrays: BatchArrays, position: Position, options: LoaderOptions): LoadedBatch {
  const { list, batch, seed, transform, teacherView, mix: mixing } = options;
  const { imageSize } = transform;
  const mix = mixing && drawMix(mixing, imageSize, seed, position.epoch, position.step);
  const { teacherImages, ...rest } = arrays;
  const { indices, valid } = rest;
  return {
    ...position,
    ...rest,
    images: mixed(rest.images, batch, imageSize, mix, 1),
    ...(teacherImages && {
      teacherImages: mixed(teacherImages, batch, teacherView!.imageSize, mix, teacherView!.imageSize / imageSize),
    }),
    ...(list.sets && { sets: Array.from(indices, (index) => list.sets![index] ?? []) }),
    count: valid.reduce((sum, x) => sum + x, 0),
    own: mix?.own ?? 1,
    waitSeconds: 0,
    release: () => undefined,
  };
}

function mixed(images: Float32Array, batch: number, size: number, mix: Mix | undefined, zoom: number): Float32Array {
  if (!mix) return images;
  const out = new Float32Array(images.length);
  mixRows(images, out, batch, size, scaledMix(mix, zoom));
  return out;
}
