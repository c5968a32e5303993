import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseConfig } from '../../config/parse.ts';
import { type RunConfig, runSchema } from '../../config/schema.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import { partOfWord } from '../../data/folders/partNames.ts';
import { openDataset } from '../../data/openDatasetNode.ts';
import type { Dataset, ImageList } from '../../data/dataset.ts';
import { UserError } from '../../graph/errors.ts';
import { nodeFiles } from '../../host/node/filesNode.ts';
import { listingOptions } from './imageListing.ts';
import { type EvaluationData, imagesForModel, type OpenedImages } from './imagesForModel.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { dataFromHere } from '../plan/originNode.ts';
import { readRunConfig } from '../plan/configFileNode.ts';

/** @throws UserError if the folder cannot be used, has no classes, or has classes that the model lacks. */
export async function openEvaluationData(
  loaded: LoadedModel,
  ref: string,
  dir: string,
  onListing?: OnListing,
): Promise<EvaluationData> {
  return imagesForModel(loaded, ref, await openImages(ref, dir, onListing), dir);
}

/** The images of a folder that a model is measured on; labels are indices of `classes`, which are none where it has no labels. */
export async function openImages(ref: string, dir: string, onListing?: OnListing): Promise<OpenedImages> {
  const dataset = await openDataset(dir, { ...listingOptions(onListing), valFraction: 0, seed: 0 });
  return { ...(await choosePart(dataset, ref, dir)), classes: dataset.classes, notes: dataset.notes ?? [] };
}

async function choosePart(dataset: Dataset, ref: string, dir: string): Promise<{ list: ImageList; part: string }> {
  if (dataset.splitSource === 'folders') {
    const [folder, ...below] = dataset.val.paths[0]!.split('/');
    const isFolder = below.length > 0 && !['train', undefined].includes(partOfWord(folder!));
    const count = dataset.val.paths.length;
    return {
      list: dataset.val,
      part: isFolder ? `${count} images of ${join(dir, folder!)}` : `the ${count} validation images of ${dir}`,
    };
  }
  const run = await runOf(ref);
  if (run === undefined || !samePlace(run.data.dir, dir))
    return {
      list: dataset.train,
      part: `all ${dataset.train.paths.length} images of ${dir}, which has no validation part`,
    };
  const split = { valFraction: run.data.valFraction, seed: run.data.splitSeed };
  const { val } = await openDataset(dir, { ...listingOptions(undefined), ...split });
  return { list: val, part: `the ${val.paths.length} validation images that the run's seed chose of ${dir}` };
}

/**
 * The images that the run of a model was judged by.
 * @throws UserError where the model is of no run, or its images lie in several places.
 */
export async function dataOfRun(ref: string): Promise<string> {
  const data = (await runOf(ref))?.data;
  const dir = data && (data.valDir ?? data.dir);
  if (typeof dir === 'string') return dir;
  const got = data
    ? 'a run on images of several places'
    : 'a model that is in no run folder, whose data would be taken';
  throw new UserError(`${ref}: wanted images to evaluate on, got ${got}; add --data DIR`);
}

/** The configuration of the run that a reference is or lies in. */
async function runOf(ref: string): Promise<RunConfig | undefined> {
  const folder = [ref, dirname(ref), dirname(dirname(ref))].find((path) => existsSync(join(path, 'config.yaml')));
  if (folder === undefined) return undefined;
  try {
    const config = parseConfig(runSchema, await readRunConfig(folder), folder);
    return await dataFromHere(config, nodeFiles(folder), folder);
  } catch (error) {
    // A config.yaml of something else.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function samePlace(a: string | readonly string[], b: string): boolean {
  return typeof a === 'string' && existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}
