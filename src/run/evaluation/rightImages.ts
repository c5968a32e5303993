import { imageName, type ImageList } from '../../data/dataset.ts';
import { createLoader } from '../../data/loading/loaderNode.ts';
import type { Engine } from '../../engine/contract.ts';
import { frozenProgram } from '../../program/evalProgram.ts';
import { evaluate } from '../../train/evaluate.ts';
import { onceOver } from '../datasets/loaders.ts';
import { evalTransform } from '../datasets/preprocess.ts';
import type { LoadedModel } from '../models/loaded.ts';

/**
 * How right a model is on each image of a list, whose labels are indices of its classes: 1 or 0; of several classes an image the F1 of
 * its decisions (probability above 0.5), 1 where there are none and it has none. NaN where an image could not be read.
 */
export async function rightImages(model: LoadedModel, list: ImageList, engine: Engine): Promise<Float64Array> {
  const { imageSize } = model.preprocessing;
  const batch = Math.min(imageSize <= 64 ? 100 : 16, list.paths.length);
  const loader = createLoader(onceOver(list, evalTransform(model.preprocessing), batch));
  const compiled = await engine.compile(frozenProgram(model.network, model.weights, batch));
  const scores = new Float64Array(list.paths.length).fill(Number.NaN);
  try {
    await evaluate({
      ...{ engine, compiled, batch, imageSize, classes: model.classes.length, size: list.paths.length },
      batches: loader.batches(),
      answering: { model: model.path, image: (index) => imageName(list, index) },
      onLogits: (logits, index) => {
        scores[index] = list.sets ? sampleF1(logits, list.sets[index]!) : Number(best(logits) === list.labels[index]!);
      },
    });
  } finally {
    await compiled.dispose();
    await loader.close();
  }
  return scores;
}

/** The first of the largest. */
function best(logits: Float32Array): number {
  let at = 0;
  for (let k = 1; k < logits.length; k++) if (logits[k]! > logits[at]!) at = k;
  return at;
}

function sampleF1(logits: Float32Array, truth: readonly number[]): number {
  const decided = logits.reduce((count, z) => count + Number(z > 0), 0);
  const right = truth.reduce((count, k) => count + Number(logits[k]! > 0), 0);
  return decided + truth.length === 0 ? 1 : (2 * right) / (decided + truth.length);
}
