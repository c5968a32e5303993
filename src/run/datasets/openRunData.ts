import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { RunConfig } from '../../config/schema.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import type { OpenOptions } from '../../data/openDatasetNode.ts';
import { openDataset } from '../../data/openDatasetNode.ts';
import { showPlaces } from '../../data/places.ts';
import { datasetOf, type ImageSource } from '../../data/imageSource.ts';
import { readSource } from '../../data/loading/sourceLoaderNode.ts';
import { imageStamps } from '../../data/images/imageStampsNode.ts';
import { decodeImage } from '../../data/images/decodeNode.ts';
import type { Dataset, ImageList } from '../../data/dataset.ts';
import { renumber, subset } from '../../data/dataset.ts';
import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import { listingOptions } from './imageListing.ts';
import { checkSets } from './multilabel.ts';
import type { RunData } from './runData.ts';

/** The images of a run: of a place on the disk, or of a source of the caller's own. */
export async function openRunData(config: RunConfig, onListing?: OnListing, source?: ImageSource): Promise<RunData> {
  const { data } = config;
  const dataset = source ? ofSource(source, data) : await ofPlace(data, onListing);
  if (dataset.val.paths.length === 0) throw noValidation(showPlaces(data.dir), dataset.train.paths.length);
  checkSets(showPlaces(data.valDir ?? data.dir), dataset.val);
  const amount = data.images !== null ? { count: data.images } : { fraction: data.fraction };
  const all = data.images === null && data.fraction === 1;
  const train = all ? dataset.train : subset(dataset.train, amount, data.splitSeed);
  return {
    labelled: dataset.classes.length > 0,
    multilabel: train.sets !== undefined,
    classes: dataset.classes,
    train,
    val: dataset.val,
    splitSource: dataset.splitSource,
    reportOnly: data.valDir !== null,
    notes: dataset.notes ?? [],
    facts: {
      images: train.paths.length,
      classes: dataset.classes.length,
      shorterSide: await medianSide(train, source),
    },
    digests: { train: digestOf(train), val: digestOf(dataset.val) },
    stamps: source ? async (list) => list.paths.map(() => '') : imageStamps,
  };
}

function ofSource(source: ImageSource, { valDir, valFraction, splitSeed }: RunConfig['data']): Dataset {
  if (valDir !== null)
    throw new UserError(`data.valDir: ${source.name} is a source of your own; give its validation images as \`val\``);
  return datasetOf(source, valFraction, splitSeed);
}

async function ofPlace(data: RunConfig['data'], onListing: OnListing | undefined): Promise<Dataset> {
  const whole = { ...listingOptions(onListing, data.cacheListing), valFraction: 0, seed: 0 };
  return data.valDir === null
    ? openDataset(data.dir, { ...whole, valFraction: data.valFraction, seed: data.splitSeed })
    : withOtherVal(await openDataset(data.dir, whole), showPlaces(data.dir), data.valDir, whole);
}

function noValidation(dir: string, images: number): UserError {
  return new UserError(
    `${dir}: wanted images to validate on, got none: there is no val folder, and of ${images} images no class has two, so that one could be put aside. Add images, or a folder val/<class>/`,
  );
}

/** A data set with the validation images of another folder: its val/, else all of it. Classes are matched by name. */
async function withOtherVal(dataset: Dataset, dir: string, valDir: string, options: OpenOptions): Promise<Dataset> {
  const other = await openDataset(valDir, options);
  const list = other.splitSource === 'folders' ? other.val : other.train;
  const unknown = other.classes.filter((name) => !dataset.classes.includes(name));
  if (dataset.classes.length === 0 || other.classes.length === 0 || unknown.length > 0)
    throw new UserError(
      `data.valDir: ${valDir}: wanted images in the class folders of ${dir} (${listNames(dataset.classes) || 'it has none'}), got ${listNames(unknown) || 'images without classes'}`,
    );
  if (!list.sets !== !dataset.train.sets)
    throw new UserError(
      `data.valDir: ${valDir}: wanted ${dataset.train.sets ? 'several classes' : 'one class'} an image as in ${dir}, got the other kind of labels`,
    );
  const at = other.classes.map((name) => dataset.classes.indexOf(name));
  const notes = [...(dataset.notes ?? []), ...(other.notes ?? [])];
  return { ...dataset, notes, val: renumber(list, at), splitSource: 'folders' };
}

/** The median shorter side of up to nine images spread over the list; unreadable ones are left to the loader. */
async function medianSide({ root, paths }: ImageList, source: ImageSource | undefined): Promise<number> {
  const sides: number[] = [];
  const step = Math.max(1, Math.floor(paths.length / 9));
  for (let i = 0; i < paths.length && sides.length < 9; i += step) {
    try {
      const { width, height } = source ? await readSource(source, paths[i]!) : await decodeImage(join(root, paths[i]!));
      sides.push(Math.min(width, height));
    } catch {
      // The loader counts and names bad files.
    }
  }
  sides.sort((a, b) => a - b);
  return sides[Math.floor(sides.length / 2)] ?? 224;
}

function digestOf({ paths, labels, sets }: ImageList): string {
  const hash = createHash('sha256');
  paths.forEach((path, i) => void hash.update(`${path}\0${sets?.[i] ?? labels[i]}\n`));
  return hash.digest('hex');
}
