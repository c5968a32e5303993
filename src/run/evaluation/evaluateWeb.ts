import { datasetOf, type ImageSource } from '../../data/imageSource.ts';
import { ortWeb } from '../../engine/ortWeb.ts';
import { loadersWeb } from '../../host/web/loadersWeb.ts';
import { requireClassifier } from '../../program/evalProgram.ts';
import { imagesForModel } from '../datasets/imagesForModel.ts';
import { loadModelSource, type ModelSource } from '../models/modelSourceWeb.ts';
import { type EvaluationReport, judge } from './judge.ts';
import type { WebModelOptions } from './predictWeb.ts';

export interface WebEvaluateOptions extends WebModelOptions {
  /** Its validation images are taken where it has some, else all. */
  readonly data: ImageSource;
  readonly onProgress?: (images: number) => void;
}

/**
 * Evaluates a model on images, as in Node: classes are matched by name.
 * @throws UserError if the model cannot be used, or the images have classes that it lacks.
 */
export async function evaluateWeb(
  model: ModelSource,
  { data, runtime, device = 'wasm', described, onProgress }: WebEvaluateOptions,
): Promise<EvaluationReport> {
  const engine = ortWeb(runtime, { device });
  const loaded = await loadModelSource(model, { engine, described });
  requireClassifier(loaded.network, loaded.path);
  const { train, val, classes, notes = [] } = datasetOf(data, 0, 0);
  const [list, which] = val.paths.length > 0 ? [val, 'validation images'] : [train, 'images'];
  const part = `the ${list.paths.length} ${which} of ${data.name}`;
  const images = imagesForModel(loaded, loaded.path, { list, part, classes, notes }, data.name);
  const { loader, end } = await loadersWeb(data, 'auto');
  try {
    return await judge(data.name, images, { engine, loader, onProgress });
  } finally {
    end();
  }
}
