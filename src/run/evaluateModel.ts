import { calibrate, classify } from '../analysis/classification.ts';
import type { Engine } from '../engine/contract.ts';
import { ortNode } from '../engine/ortNode.ts';
import { frozenProgram, requireClassifier } from '../program/evalProgram.ts';
import { evaluate } from '../train/evaluate.ts';
import type { Evaluation } from '../train/metrics.ts';
import { type EvaluationData, openEvaluationData } from './evaluationData.ts';
import { type LoadedModel, loadModelReference, type OnModel } from './modelReference.ts';
import type { OnnxGiven } from './onnxReference.ts';
import { evalTransform } from './preprocess.ts';
import { evalLoader } from './runData.ts';

export interface EvaluateOptions {
  /** Folder of images in class folders. */
  readonly data: string;
  /** Called once everything has been checked, before the first image is read. */
  readonly onStart?: (data: EvaluationData) => void;
  readonly onProgress?: (images: number) => void;
  readonly engine?: Engine;
  readonly onModel?: OnModel;
  /** What an .onnx file and the files beside it do not say. */
  readonly onnx?: OnnxGiven;
}

export interface ClassAccuracy {
  readonly name: string;
  readonly images: number;
  /** Share, 0 to 1. */
  readonly top1: number;
}

export interface EvaluationReport {
  /** Folder of the model. */
  readonly model: string;
  readonly data: string;
  /** Which images these are, in words. */
  readonly part: string;
  /** Images that were evaluated. */
  readonly images: number;
  /** Mean cross entropy. */
  readonly loss: number;
  /** Shares, 0 to 1, over all classes of the model. */
  readonly top1: number;
  readonly top5: number;
  /** Mean F1 of the classes that have images or were decided for. */
  readonly macroF1: number;
  /** Expected calibration error in 15 bins. */
  readonly ece: number;
  /** The classes of the data, worst first. */
  readonly classes: readonly ClassAccuracy[];
  /** Classes of the model that the data has no images of. */
  readonly absentClasses: readonly string[];
  /** Images that could not be read. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Evaluates a model on a folder of images. Classes are matched by name, so their order may differ. Of a folder with val/ (valid,
 * validation, test) these images are taken; else all, except for a run on its own data, which takes the validation images that
 * its seed chose.
 * @throws UserError if the model or the data cannot be used, or the data has classes that the model lacks.
 */
export async function evaluateModel(ref: string | LoadedModel, options: EvaluateOptions): Promise<EvaluationReport> {
  const loaded = typeof ref === 'string' ? await loadModelReference(ref, options) : ref;
  requireClassifier(loaded.network, loaded.path);
  const data = await openEvaluationData(loaded, typeof ref === 'string' ? ref : ref.path, options.data);
  const { model } = data;
  const engine = options.engine ?? ortNode();
  const { imageSize } = model.preprocessing;
  const batch = Math.min(imageSize <= 64 ? 100 : 16, data.list.paths.length);
  const loader = evalLoader(data.list, evalTransform(model.preprocessing), batch, {
    data: { workers: 'auto', cacheMB: 0, maxBadFraction: 1 },
  });
  try {
    options.onStart?.(data);
    const compiled = await engine.compile(frozenProgram(model.network, model.weights, batch));
    const found = await evaluate({
      engine,
      compiled,
      batch,
      imageSize,
      classes: model.classes.length,
      batches: loader.batches(),
      size: data.list.paths.length,
      ...(options.onProgress ? { onProgress: options.onProgress } : {}),
    });
    await compiled.dispose();
    return report(model, data, found, loader.bad);
  } finally {
    await loader.close();
  }
}

function report(
  model: LoadedModel,
  data: EvaluationData,
  found: Evaluation,
  bad: ReadonlyMap<string, string>,
): EvaluationReport {
  const { loss, top1, top5, images, decisions, confidences } = found;
  return {
    model: model.path,
    data: data.list.root,
    part: data.part,
    images,
    loss,
    top1,
    top5,
    macroF1: classify(data.list.labels, decisions).macroF1,
    ece: calibrate(data.list.labels, decisions, confidences).ece,
    classes: classAccuracies(model.classes, data.list.labels, decisions),
    absentClasses: data.absentClasses,
    skipped: [...bad].map(([path, reason]) => ({ path, reason })),
  };
}

/** By class of the data, worst first, then by name. */
export function classAccuracies(names: readonly string[], labels: Int32Array, decisions: Int32Array): ClassAccuracy[] {
  const counts = new Map<number, { images: number; right: number }>();
  labels.forEach((label, i) => {
    if (decisions[i]! < 0) return;
    const count = counts.get(label) ?? { images: 0, right: 0 };
    counts.set(label, { images: count.images + 1, right: count.right + (decisions[i] === label ? 1 : 0) });
  });
  const rows = [...counts].map(([label, { images, right }]) => ({
    label,
    name: names[label]!,
    images,
    top1: right / images,
  }));
  return rows
    .sort((a, b) => a.top1 - b.top1 || a.label - b.label)
    .map(({ name, images, top1 }) => ({ name, images, top1 }));
}
