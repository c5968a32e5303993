import { UserError } from '../../graph/errors.ts';
import type { ImageSource } from '../imageSource.ts';
import { told } from '../readSource.ts';
import { AheadStreams } from './aheadStreams.ts';
import { BadImages, faultOfImage } from './badImages.ts';
import type { LoadedBatch, Loader, LoaderOptions } from './loader.ts';
import { emptyRows, madeBatch } from './madeBatch.ts';
import { namesOf } from './plainLoader.ts';
import type { MadeRows, RowSource, WantedRow } from './rowMessages.ts';
import { type BatchArrays, RowMaker, type Shown } from './rows.ts';
import type { RowWorkers } from './rowWorkers.ts';
import { positionAt, stepsPerEpoch } from './sampler.ts';

/**
 * Batches whose rows workers make that share no memory: decoding, resizing and augmentation are off the caller's thread, and the rows
 * are those of every loader, byte for byte. An image is always the same worker's, which keeps it where there is room; `prefetch`
 * batches are under way ahead of the one that is taken. `workers` and `disk` say nothing here.
 */
export function rowLoader(options: LoaderOptions, source: ImageSource, workers: RowWorkers): Loader {
  const { list, batch, train, repeats = 1, prefetch = 3, cacheMB = 512 } = options;
  const n = list.paths.length;
  if (n === 0) throw new UserError(`Loader: list ${list.root}: wanted images, got none`);
  const steps = stepsPerEpoch(n, batch, train);
  const bad = new BadImages(options);
  const { transform, seed, views, teacherView } = options;
  const loader = workers.open({
    ...{ transform, batch, train, seed, count: n, repeats, name: source.name },
    ...(views && { views }),
    ...(teacherView && { teacherView }),
    cacheBytes: Math.floor((cacheMB * 2 ** 20) / workers.count),
  });
  const rows = new RowMaker({ ...options, count: n, repeats, ...namesOf(options) }, () => false);
  const held = new HeldImages();
  let teacher = true;

  /** What an image is made of, for a worker that has not kept it; undefined where it cannot be read. */
  const sourceOf = async (index: number): Promise<RowSource | undefined> => {
    const path = list.paths[index]!;
    try {
      return source.where?.(path) ?? (await told(`${source.name}: ${path}`, () => source.read(path)));
    } catch (error) {
      bad.note(index, faultOfImage(error));
      return undefined;
    }
  };

  /** Has rows made by the worker of their images; gives those whose images turned out to be unreadable. */
  const ask = async (
    worker: number,
    step: number,
    arrays: BatchArrays,
    wanted: readonly Wanted[],
  ): Promise<Wanted[]> => {
    const { round } = held;
    const asked: { readonly wanted: Wanted; readonly order: WantedRow }[] = [];
    for (const one of wanted) {
      const { row, skip, shown } = one;
      const { index } = shown;
      const from = held.has(index) ? undefined : await sourceOf(index);
      const order = { row, skip, index, path: list.paths[index]!, ...(from !== undefined && { source: from }) };
      if (!bad.has(index)) asked.push({ wanted: one, order });
    }
    // What is held was told anew while sources were read: all is asked again.
    if (round !== held.round) return [...wanted];
    if (asked.length === 0) return wanted.filter(({ shown }) => bad.has(shown.index));
    const made = await workers.make(worker, { loader, step, teacher, rows: asked.map(({ order }) => order) });
    for (const [at, { wanted: one, order }] of asked.entries()) {
      const fault = made.faults[at];
      if (fault !== undefined) bad.note(order.index, fault);
      else place(arrays, one, made, at);
      if (made.kept[at]) held.add(order.index, round);
    }
    return wanted.filter(({ shown }) => bad.has(shown.index));
  };

  const place = (arrays: BatchArrays, { row, shown }: Wanted, made: MadeRows, at: number): void => {
    copyRow(made.images, at, arrays.images, row, batch);
    if (arrays.teacherImages && made.teacherImages) copyRow(made.teacherImages, at, arrays.teacherImages, row, batch);
    arrays.indices[row] = shown.index;
    arrays.labels[row] = list.labels[shown.index]!;
    arrays.valid[row] = 1;
    arrays.views[row] = shown.view ?? 0;
  };

  /** The image that a row shows, past those that are known to be unreadable; one without any is written. */
  const wantedRow = (arrays: BatchArrays, step: number, row: number): Wanted[] => {
    for (let skip = 0; ; skip++) {
      const shown = rows.shown(step, row, skip);
      const readable = shown.index >= 0 && !bad.has(shown.index);
      if (readable) return [{ row, skip, shown }];
      if (train && shown.index >= 0) continue;
      rows.put(arrays, row, shown, undefined);
      return [];
    }
  };

  const make = async (step: number): Promise<LoadedBatch> => {
    const arrays = emptyRows(options);
    let left = Array.from({ length: batch }, (_, row) => row);
    while (left.length > 0) {
      const wanted = left.flatMap((row) => wantedRow(arrays, step, row));
      const shares = Array.from({ length: workers.count }, (_, worker) =>
        wanted.filter(({ shown }) => shown.index % workers.count === worker),
      );
      const again = await Promise.all(
        shares.map((share, worker) => (share.length > 0 ? ask(worker, step, arrays, share) : [])),
      );
      left = again.flat().map(({ row }) => row);
    }
    bad.check();
    return madeBatch(arrays, positionAt(step, steps), options);
  };
  const streams = new AheadStreams(options, make, prefetch);
  return {
    stepsPerEpoch: steps,
    bad: bad.reasons,
    batches: (from, share) => streams.batches(from, share),
    showTeacher: (wanted) => {
      if (wanted !== teacher) held.clear();
      teacher = wanted;
    },
    close: async () => {
      streams.end();
      workers.close(loader);
    },
  };
}

/** A row that a worker is asked for. */
interface Wanted {
  readonly row: number;
  readonly skip: number;
  readonly shown: Shown;
}

function copyRow(from: Float32Array, at: number, to: Float32Array, row: number, batch: number): void {
  const size = to.length / batch;
  to.set(from.subarray(at * size, (at + 1) * size), row * size);
}

/** Images that their workers have kept. What is heard of before `clear` counts no more after it. */
class HeldImages {
  readonly #indices = new Set<number>();
  round = 0;

  has(index: number): boolean {
    return this.#indices.has(index);
  }

  add(index: number, round: number): void {
    if (round === this.round) this.#indices.add(index);
  }

  clear(): void {
    this.#indices.clear();
    this.round++;
  }
}
