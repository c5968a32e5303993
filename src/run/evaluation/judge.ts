import { calibrate, classify } from '../../analysis/classification.ts';
import type { MultilabelScores } from '../../analysis/multilabel.ts';
import { imageName } from '../../data/dataset.ts';
import type { Loader, LoaderOptions } from '../../data/loading/loader.ts';
import type { Engine } from '../../engine/contract.ts';
import { CLASS_HEAD, judgedProgram } from '../../program/evalProgram.ts';
import { evaluate } from '../../train/evaluate.ts';
import type { Evaluation } from '../../train/metrics.ts';
import type { EvaluationData } from '../datasets/imagesForModel.ts';
import { onceOver } from '../datasets/loaders.ts';
import { checkSets, LabelTally } from '../datasets/multilabel.ts';
import { evalTransform } from '../datasets/preprocess.ts';
import type { LoadedModel } from '../models/loaded.ts';

export interface ClassAccuracy {
  readonly name: string;
  readonly images: number;
  /** Share, 0 to 1; left out of multilabel data. */
  readonly top1?: number;
  /** Of multilabel data: average precision, and the scores at a probability of 0.5; null where nothing is there to divide by. */
  readonly ap?: number | null;
  readonly precision?: number | null;
  readonly recall?: number | null;
  readonly f1?: number;
}

export interface EvaluationReport {
  /** Folder of the model. */
  readonly model: string;
  readonly data: string;
  /** Which images these are, in words. */
  readonly part: string;
  /** Images that were evaluated. */
  readonly images: number;
  /** Mean cross entropy; of multilabel data the binary one. */
  readonly loss: number;
  /** Shares, 0 to 1, over all classes of the model; left out of multilabel data. */
  readonly top1?: number;
  readonly top5?: number;
  /** Top-1 of the class head alone, where the answer is a mean of heads. */
  readonly classHeadTop1?: number;
  /** Of multilabel data: mean average precision of the classes that have images, and F1 of all decisions together. */
  readonly map?: number;
  readonly microF1?: number;
  /** Mean F1 of the classes that have images or were decided for. */
  readonly macroF1: number;
  /** Expected calibration error in 15 bins; left out of multilabel data. */
  readonly ece?: number;
  /** The classes of the data, worst first; of multilabel data those that have images. */
  readonly classes: readonly ClassAccuracy[];
  /** Classes of the model that the data has no images of. */
  readonly absentClasses: readonly string[];
  /** Images that could not be read. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

export interface Judging {
  readonly engine: Engine;
  readonly loader: (options: LoaderOptions) => Loader;
  readonly onStart?: ((data: EvaluationData) => void) | undefined;
  readonly onProgress?: ((images: number) => void) | undefined;
}

/** Asks a model about images and compares its answers with their labels, on any platform. @throws UserError. */
export async function judge(
  dir: string,
  data: EvaluationData,
  { engine, loader: loaderOf, onStart, onProgress }: Judging,
): Promise<EvaluationReport> {
  const { model, list } = data;
  checkSets(dir, list);
  const tally = list.sets && new LabelTally(list.sets, model.classes.length);
  const { imageSize } = model.preprocessing;
  const batch = Math.min(imageSize <= 64 ? 100 : 16, list.paths.length);
  const loader = loaderOf(onceOver(list, evalTransform(model.preprocessing), batch));
  try {
    onStart?.(data);
    const program = judgedProgram(model.network, model.weights, batch);
    const compiled = await engine.compile(program);
    const found = await evaluate({
      engine,
      compiled,
      classHead: program.outputs.has(CLASS_HEAD),
      batch,
      imageSize,
      classes: model.classes.length,
      batches: loader.batches(),
      answering: { model: model.path, image: (index) => imageName(list, index) },
      size: list.paths.length,
      ...(tally ? { onLogits: (logits, index) => tally.add(logits, index) } : {}),
      ...(onProgress ? { onProgress } : {}),
    });
    await compiled.dispose();
    return report(model, data, found, loader.bad, tally?.judge());
  } finally {
    await loader.close();
  }
}

function report(
  model: LoadedModel,
  data: EvaluationData,
  found: Evaluation,
  bad: ReadonlyMap<string, string>,
  scores: MultilabelScores | undefined,
): EvaluationReport {
  const measured = scores ? labelReport(model.classes, scores) : singleReport(model.classes, data.list.labels, found);
  return {
    ...{ model: model.path, data: data.list.root, part: data.part, images: found.images },
    ...measured,
    absentClasses: scores
      ? scores.classes.flatMap((score) => (score.images === 0 ? model.classes[score.class]! : []))
      : data.absentClasses,
    skipped: [...bad].map(([path, reason]) => ({ path, reason })),
  };
}

function singleReport(classes: readonly string[], labels: Int32Array, found: Evaluation) {
  const { loss, top1, top5, classHeadTop1, decisions, confidences } = found;
  return {
    ...{ loss, top1, top5 },
    ...(classHeadTop1 === undefined ? {} : { classHeadTop1 }),
    macroF1: classify(labels, decisions).macroF1,
    ece: calibrate(labels, decisions, confidences).ece,
    classes: classAccuracies(classes, labels, decisions),
  };
}

function labelReport(names: readonly string[], { loss, map, microF1, macroF1, classes }: MultilabelScores) {
  const rows = classes
    .filter(({ images }) => images > 0)
    .sort((a, b) => a.ap! - b.ap! || a.class - b.class)
    .map(({ class: k, images, ap, precision, recall, f1 }) => ({ name: names[k]!, images, ap, precision, recall, f1 }));
  return { loss, map, microF1, macroF1, classes: rows };
}

/** By class of the data, worst first, then by name. */
export function classAccuracies(names: readonly string[], labels: Int32Array, decisions: Int32Array) {
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
