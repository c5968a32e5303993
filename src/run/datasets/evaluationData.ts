import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseConfig } from '../../config/parse.ts';
import { type RunConfig, runSchema } from '../../config/schema.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import { partOfWord } from '../../data/folders/partNames.ts';
import { openDataset } from '../../data/openDatasetNode.ts';
import type { Dataset, ImageList } from '../../data/dataset.ts';
import { renumber } from '../../data/dataset.ts';
import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import { listingOptions } from './imageListing.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { namedByData } from '../models/namedByData.ts';
import { unnamed } from '../models/unnamed.ts';
import { newHead } from '../models/newHead.ts';
import { readRunConfig } from '../plan/configFileNode.ts';

/** The images that a model is evaluated on; labels are indices of the model's classes. */
export interface EvaluationData {
  /** The model, named by the data's classes where the user said so. */
  readonly model: LoadedModel;
  readonly list: ImageList;
  /** Which images these are, in words. */
  readonly part: string;
  /** What was taken as what, where the data can be read in two ways. */
  readonly notes: readonly string[];
  readonly absentClasses: readonly string[];
}

/** @throws UserError if the folder cannot be used, has no classes, or has classes that the model lacks. */
export async function openEvaluationData(
  loaded: LoadedModel,
  ref: string,
  dir: string,
  onListing?: OnListing,
): Promise<EvaluationData> {
  const { list, part, classes, notes } = await openImages(ref, dir, onListing);
  if (classes.length === 0)
    throw new UserError(
      `${dir}: wanted images in class folders to evaluate on, got images without classes. For their classes: understudy predict ${ref} ${dir}`,
    );
  const model = namedByData(loaded, classes);
  const places = new Map(model.classes.map((name, i) => [name, i]));
  const at = classes.map((name) => places.get(name) ?? -1);
  const present = new Set(classes);
  const lacking = classes.filter((_, i) => at[i]! < 0);
  if (lacking.length > 0) throw unknownClasses(model, dir, lacking);
  return {
    model,
    list: asModel(model, renumber(list, at), dir),
    part,
    notes: [...notes, ...model.notes.slice(loaded.notes.length)],
    absentClasses: model.classes.filter((name) => !present.has(name)),
  };
}

/** Images of one class each are multilabel images too; the other way round there is no one class to be right. */
function asModel(model: LoadedModel, list: ImageList, dir: string): ImageList {
  if (list.sets && !model.multilabel)
    throw new UserError(
      `${dir}: wanted one class an image, as the model ${model.path} answers (a softmax), got several an image. Evaluate a model that was trained on such data; of one by others, say so in its config.json: "problem_type": "multi_label_classification"`,
    );
  if (list.sets || !model.multilabel) return list;
  return { ...list, labels: list.labels.map(() => -1), sets: Array.from(list.labels, (label) => [label]) };
}

/** The images of a folder that a model is measured on; labels are indices of `classes`, which are none where it has no labels. */
export async function openImages(ref: string, dir: string, onListing?: OnListing): Promise<OpenedImages> {
  const dataset = await openDataset(dir, { ...listingOptions(onListing), valFraction: 0, seed: 0 });
  return { ...(await choosePart(dataset, ref, dir)), classes: dataset.classes, notes: dataset.notes ?? [] };
}

interface OpenedImages {
  readonly list: ImageList;
  readonly part: string;
  readonly classes: readonly string[];
  readonly notes: readonly string[];
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
    return parseConfig(runSchema, await readRunConfig(folder), folder);
  } catch (error) {
    // A config.yaml of something else.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function samePlace(a: string | readonly string[], b: string): boolean {
  return typeof a === 'string' && existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}

function unknownClasses(model: LoadedModel, dir: string, lacking: readonly string[]): UserError {
  const name = unnamed(model.classes)
    ? 'Name its classes (--classes FILE, or index for those of the data, in its order), remove'
    : 'Remove';
  return new UserError(
    `${dir}: wanted only classes of the model ${model.path} (${listNames(model.classes)}), got ${listNames(lacking)} besides. ${name} these folders, or ${newHead(model.path, dir)}`,
  );
}
