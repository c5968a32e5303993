import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { RunConfig } from '../../config/schema.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import type { OpenOptions } from '../../data/openDatasetNode.ts';
import { openDataset } from '../../data/openDatasetNode.ts';
import { showPlaces } from '../../data/places.ts';
import type { ImageSource } from '../../data/imageSource.ts';
import { readSourceNode } from '../../data/loading/sourceLoaderNode.ts';
import { imageStamps } from '../../data/images/imageStampsNode.ts';
import { decodeImage } from '../../data/images/decodeNode.ts';
import type { Dataset } from '../../data/dataset.ts';
import { renumber } from '../../data/dataset.ts';
import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import { listingOptions } from './imageListing.ts';
import type { RunData } from './runData.ts';
import { asTaught, datasetOfSource, noStamps, runDataOf } from './runDataOf.ts';

/** The images of a run: of a place on the disk, or of a source of the caller's own. */
export async function openRunData(config: RunConfig, onListing?: OnListing, source?: ImageSource): Promise<RunData> {
  const { data } = config;
  if (source)
    return runDataOf(datasetOfSource(source, data), config, {
      size: (_, path) => readSourceNode(source, path),
      sha256: hashed,
      stamps: noStamps,
    });
  return runDataOf(await ofPlace(data, onListing), config, {
    size: ({ root }, path) => decodeImage(join(root, path)),
    sha256: hashed,
    stamps: imageStamps,
  });
}

async function hashed(pieces: Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}

async function ofPlace(data: RunConfig['data'], onListing: OnListing | undefined): Promise<Dataset> {
  const whole = { ...listingOptions(onListing, data.cacheListing), valFraction: 0, seed: 0 };
  return data.valDir === null
    ? asTaught(await openDataset(data.dir, { ...whole, valFraction: data.valFraction, seed: data.splitSeed }), data)
    : withOtherVal(asTaught(await openDataset(data.dir, whole), data), showPlaces(data.dir), data.valDir, whole);
}

/** A data set with the validation images of another folder: its val/, else all of it. Classes are matched by name. */
async function withOtherVal(dataset: Dataset, dir: string, valDir: string, options: OpenOptions): Promise<Dataset> {
  const other = await openDataset(valDir, options);
  const list = other.splitSource === 'folders' ? other.val : other.train;
  const notes = [...(dataset.notes ?? []), ...(other.notes ?? [])];
  // Images without labels may be judged by some that have them: these say what the classes are.
  if (dataset.classes.length === 0)
    return { ...dataset, classes: other.classes, notes, val: list, splitSource: 'folders' };
  const unknown = other.classes.filter((name) => !dataset.classes.includes(name));
  if (other.classes.length === 0 || unknown.length > 0)
    throw new UserError(
      `data.valDir: ${valDir}: wanted images in the class folders of ${dir} (${listNames(dataset.classes)}), got ${listNames(unknown) || 'images without classes'}`,
    );
  if (!list.sets !== !dataset.train.sets)
    throw new UserError(
      `data.valDir: ${valDir}: wanted ${dataset.train.sets ? 'several classes' : 'one class'} an image as in ${dir}, got the other kind of labels`,
    );
  const at = other.classes.map((name) => dataset.classes.indexOf(name));
  return { ...dataset, notes, val: renumber(list, at), splitSource: 'folders' };
}
