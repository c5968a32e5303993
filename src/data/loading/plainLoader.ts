import { UserError } from '../../graph/errors.ts';
import type { Pixels } from '../augment/pixels.ts';
import { AheadStreams } from './aheadStreams.ts';
import { BadImages, faultOfImage } from './badImages.ts';
import { ImageShelf } from './imageShelf.ts';
import type { LoadedBatch, Loader, LoaderOptions } from './loader.ts';
import { emptyRows, madeBatch } from './madeBatch.ts';
import { type Readied, RowMaker } from './rows.ts';
import { positionAt, stepsPerEpoch } from './sampler.ts';

/** The decoded image of a path of a list. @throws UserError where it cannot be read. */
export type ReadPixels = (path: string) => Promise<Pixels>;

/**
 * Batches without worker threads, on any platform: images come from a function, and the rows are those of every loader, byte for
 * byte. The next batch is made while the caller computes, as far as one thread allows. Decoded images are kept in memory up to
 * `cacheMB`; `workers`, `prefetch` and `disk` say nothing here.
 */
export function plainLoader(options: LoaderOptions, read: ReadPixels): Loader {
  const { list, batch, train, repeats = 1 } = options;
  const n = list.paths.length;
  if (n === 0) throw new UserError(`Loader: list ${list.root}: wanted images, got none`);
  const steps = stepsPerEpoch(n, batch, train);
  let teacherWanted = true;
  const shelf = new ImageShelf((options.cacheMB ?? 512) * 2 ** 20);
  const bad = new BadImages(options);
  const rows = new RowMaker({ ...options, count: n, repeats, ...namesOf(options) }, () => teacherWanted);
  const image = async (index: number): Promise<Readied | undefined> => {
    if (bad.has(index)) return undefined;
    const kept = shelf.get(index);
    if (kept) return kept;
    try {
      const made = await rows.ready(await read(list.paths[index]!));
      shelf.keep(index, made);
      return made;
    } catch (error) {
      bad.note(index, faultOfImage(error));
      return undefined;
    }
  };
  const make = async (step: number): Promise<LoadedBatch> => {
    const arrays = emptyRows(options);
    for (let row = 0; row < batch; row++) await (await rows.write(arrays, step, row, image))?.();
    return madeBatch(arrays, positionAt(step, steps), options);
  };
  const streams = new AheadStreams(options, make, 1);
  return {
    stepsPerEpoch: steps,
    bad: bad.reasons,
    batches: (from, share) => streams.batches(from, share),
    showTeacher: (wanted) => {
      if (wanted !== teacherWanted) shelf.clear();
      teacherWanted = wanted;
    },
    close: async () => {
      streams.end();
      shelf.clear();
    },
  };
}

/** What a row is told of its image. */
export const namesOf = ({ list }: LoaderOptions) => ({
  pathOf: (index: number) => list.paths[index]!,
  labelOf: (index: number) => list.labels[index]!,
});
