import type { OnListing } from '../../data/folders/listingNode.ts';
import { createLoader } from '../../data/loading/loaderNode.ts';
import type { Engine } from '../../engine/contract.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { requireClassifier } from '../../program/evalProgram.ts';
import { dataOfRun, openEvaluationData } from '../datasets/evaluationData.ts';
import type { EvaluationData } from '../datasets/imagesForModel.ts';
import type { Described } from '../models/described.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { loadModelReference, type OnModel } from '../models/reference.ts';
import { type EvaluationReport, judge } from './judge.ts';

export interface EvaluateOptions {
  /** Folder of images in class folders; default: what the run of the model was judged by. */
  readonly data?: string;
  /** Called once everything has been checked, before the first image is read. */
  readonly onStart?: (data: EvaluationData) => void;
  readonly onProgress?: (images: number) => void;
  readonly engine?: Engine;
  readonly onModel?: OnModel;
  /** Told how far the listing of the images is. */
  readonly onListing?: OnListing;
  /** What the files of a model that others have trained do not say. */
  readonly described?: Described;
}

/**
 * Evaluates a model on a folder of images. Classes are matched by name, so their order may differ. Of a folder with val/ (valid,
 * validation, test) these images are taken; else all, except for a run on its own data, which takes the validation images that
 * its seed chose.
 * @throws UserError if the model or the data cannot be used, or the data has classes that the model lacks.
 */
export async function evaluateModel(
  ref: string | LoadedModel,
  options: EvaluateOptions = {},
): Promise<EvaluationReport> {
  const from = typeof ref === 'string' ? ref : ref.path;
  const loaded = typeof ref === 'string' ? await loadModelReference(ref, options) : ref;
  requireClassifier(loaded.network, loaded.path);
  const dir = options.data ?? (await dataOfRun(from));
  const data = await openEvaluationData(loaded, from, dir, options.onListing);
  const { engine = ortNode(), onStart, onProgress } = options;
  return judge(dir, data, { engine, loader: createLoader, onStart, onProgress });
}
