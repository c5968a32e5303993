import type { RunConfig } from '../../config/schema.ts';
import type { Pixels } from '../../data/augment/pixels.ts';
import { type Dataset, type ImageList, splitList, subset } from '../../data/dataset.ts';
import { datasetOf, type ImageSource } from '../../data/imageSource.ts';
import { UserError } from '../../graph/errors.ts';
import { showPlaces } from '../../data/places.ts';
import { checkSets } from './multilabel.ts';
import type { RunData } from './runData.ts';

/** What a platform does with lists of images. */
export interface ListTools {
  /** Width and height of an image of a list. */
  size(list: ImageList, path: string): Promise<Pick<Pixels, 'width' | 'height'>>;
  sha256(pieces: Iterable<Uint8Array>): Promise<string>;
  readonly stamps: NonNullable<RunData['stamps']>;
}

/** The images of a run, of a data set that was opened. @throws UserError where there are none to validate on. */
export async function runDataOf(dataset: Dataset, { data }: RunConfig, tools: ListTools): Promise<RunData> {
  const { train, val, splitSource, reportOnly } = partsOf(dataset, data);
  if (val.paths.length === 0) throw noValidation(showPlaces(data.dir), train.paths.length);
  checkSets(showPlaces(data.valDir ?? data.dir), val);
  return {
    labelled: dataset.classes.length > 0,
    multilabel: (train.sets ?? val.sets) !== undefined,
    classes: dataset.classes,
    train,
    val,
    splitSource,
    reportOnly,
    notes: [...(dataset.notes ?? []), ...fewer(dataset.train, data)],
    facts: {
      images: train.paths.length,
      classes: dataset.classes.length,
      shorterSide: await medianSide(train, tools),
    },
    digests: { train: await tools.sha256(linesOf(train)), val: await tools.sha256(linesOf(val)) },
    stamps: tools.stamps,
  };
}

/** Where there are fewer images than asked for. */
const fewer = ({ paths }: ImageList, { images }: RunConfig['data']): string[] =>
  images !== null && images > paths.length
    ? [`data.images: wanted ${images} training images, got ${paths.length}: all of them train`]
    : [];

/** What trains and what is validated on. An inner split is one of the images that would train, not of all that there are. */
function partsOf(
  dataset: Dataset,
  data: RunConfig['data'],
): Pick<RunData, 'train' | 'val' | 'splitSource' | 'reportOnly'> {
  const amount = data.images !== null ? { count: data.images } : { fraction: data.fraction };
  const all = data.images === null && data.fraction === 1;
  const train = all ? dataset.train : subset(dataset.train, amount, data.splitSeed);
  if (data.innerFraction !== null) {
    if (data.valHalf !== null)
      throw new UserError(
        'data.valHalf: data.innerFraction leaves the validation images alone, the halves are of those; leave one of the two out',
      );
    return { ...splitList(train, data.innerFraction, data.splitSeed), splitSource: 'seeded', reportOnly: false };
  }
  const [val, reportOnly] = [validationOf(dataset.val, data), data.valDir !== null];
  return { train, val, splitSource: data.valHalf === null ? dataset.splitSource : 'seeded', reportOnly };
}

/** All validation images, or the half that `data.valHalf` names. */
export function validationOf(
  val: ImageList,
  { valHalf, splitSeed }: Pick<RunConfig['data'], 'valHalf' | 'splitSeed'>,
): ImageList {
  if (valHalf === null) return val;
  const halves = splitList(val, 0.5, splitSeed);
  return valHalf === 'choose' ? halves.val : halves.train;
}

/** The images with their labels, or, where `data.labels` says so, as if they had none. */
export function asTaught(dataset: Dataset, { labels }: Pick<RunConfig['data'], 'labels'>): Dataset {
  if (labels === 'use') return dataset;
  const bare = ({ root, paths }: ImageList): ImageList => ({
    root,
    paths,
    labels: new Int32Array(paths.length).fill(-1),
  });
  return { ...dataset, classes: [], train: bare(dataset.train), val: bare(dataset.val) };
}

/** The images of a source of the caller's own. */
export function datasetOfSource(source: ImageSource, data: RunConfig['data']): Dataset {
  if (data.valDir !== null)
    throw new UserError(`data.valDir: ${source.name} is a source of your own; give its validation images as \`val\``);
  return asTaught(datasetOf(source, data.valFraction, data.splitSeed), data);
}

/** Nothing says whether the images of a source are still the same. */
export const noStamps = async (list: ImageList): Promise<string[]> => list.paths.map(() => '');

function noValidation(dir: string, images: number): UserError {
  return new UserError(
    `${dir}: wanted images to validate on, got none: there is no val folder, and of ${images} images no class has two, so that one could be put aside. Add images, or a folder val/<class>/`,
  );
}

/** The median shorter side of up to nine images spread over the list; unreadable ones are left to the loader. */
async function medianSide(list: ImageList, { size }: ListTools): Promise<number> {
  const sides: number[] = [];
  const step = Math.max(1, Math.floor(list.paths.length / 9));
  for (let i = 0; i < list.paths.length && sides.length < 9; i += step) {
    try {
      const { width, height } = await size(list, list.paths[i]!);
      sides.push(Math.min(width, height));
    } catch {
      // The loader counts and names bad files.
    }
  }
  sides.sort((a, b) => a - b);
  return sides[Math.floor(sides.length / 2)] ?? 224;
}

function* linesOf({ paths, labels, sets }: ImageList): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const [i, path] of paths.entries()) yield encoder.encode(`${path}\0${sets?.[i] ?? labels[i]}\n`);
}
