import { judgeMultilabel, type MultilabelScores } from '../../analysis/multilabel.ts';
import type { ImageList } from '../../data/dataset.ts';
import { UserError } from '../../graph/errors.ts';
import { METHODS } from '../../methods/index.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { RunData } from './runData.ts';
import type { PlannedStage } from '../plan/stages.ts';
import { SEVERAL_WITHOUT_LABELS } from './unlabelled.ts';

/** Our choice: 1 GB of logits; average precision needs those of all images at once. */
const MOST_LOGITS = 2 ** 28;

/** Collects the logits of an evaluation of multilabel images and judges them. */
export class LabelTally {
  readonly #sets: NonNullable<ImageList['sets']>;
  readonly #classes: number;
  readonly #logits: Float32Array;
  readonly #seen: Uint8Array;

  constructor(sets: NonNullable<ImageList['sets']>, classes: number) {
    if (sets.length * classes > MOST_LOGITS)
      throw new UserError(
        `evaluation: ${sets.length} images of ${classes} classes are more answers than can be kept for mAP (${MOST_LOGITS}); validate on fewer images`,
      );
    this.#sets = sets;
    this.#classes = classes;
    this.#logits = new Float32Array(sets.length * classes);
    this.#seen = new Uint8Array(sets.length);
  }

  add(logits: Float32Array, index: number): void {
    this.#logits.set(logits, index * this.#classes);
    this.#seen[index] = 1;
  }

  judge(): MultilabelScores {
    return judgeMultilabel(this.#logits, this.#sets, this.#classes, (index) => this.#seen[index] === 1);
  }
}

/** The names of a run's metrics. */
export const labelMetrics = ({ loss, map, microF1, macroF1 }: MultilabelScores) => ({
  loss,
  map,
  micro_f1: microF1,
  macro_f1: macroF1,
});

/** Of multilabel data nothing can be measured where no image has a class. */
export function checkSets(where: string, { sets }: ImageList): void {
  if (sets?.every((set) => set.length === 0))
    throw new UserError(
      `${where}: wanted validation images with classes, got ${sets.length} images of no class: mAP has nothing to measure. Add images, or take another data.splitSeed`,
    );
}

/**
 * Refuses, before anything is compiled, a method whose loss is a softmax over the classes where an image may have several, and
 * logits of a teacher that was trained on the other kind of labels.
 */
export function checkMultilabel(
  stages: readonly PlannedStage[],
  { multilabel, labelled }: RunData,
  teacher: LoadedModel | undefined,
): void {
  const unable = stages.find(({ method, settings }) => !method.multilabel?.(settings));
  if (multilabel && unable) throw labelled ? softmaxMethod(unable) : softmaxWithoutLabels(unable, teacher!);
  const reader = stages.find(({ method, settings }) => method.needs(settings).teacher.includes('logits'));
  if (!teacher || !reader || multilabel === (teacher.multilabel ?? false)) return;
  const kind = (several: boolean | undefined) => (several ? 'several classes an image' : 'one class an image');
  throw new UserError(
    `${teacher.path}: ${reader.name} reads its logits, so wanted a teacher of ${kind(multilabel)}, got one of ${kind(teacher.multilabel)} (problem_type in its config.json says which). Train one on this data (understudy train), or distil features alone: --method vitkd, or dearkd with --set dearkd.logitKd=none`,
  );
}

function softmaxWithoutLabels({ name }: PlannedStage, teacher: LoadedModel): UserError {
  return new UserError(
    `method ${name}: its loss is a softmax over the classes, of which one is right; the teacher ${teacher.path} answers with several an image (multilabel), and the images have no labels. What works: ${SEVERAL_WITHOUT_LABELS}`,
  );
}

function softmaxMethod({ name, settings }: PlannedStage): UserError {
  const cure: Readonly<Record<string, string>> = {
    dearkd: '--set dearkd.logitKd=none',
    supervised: '--set supervised.loss=auto',
  };
  const own = Object.hasOwn(METHODS, name) ? cure[name] : undefined;
  const why = name === 'supervised' ? ` (loss ${(settings as { loss?: string }).loss})` : '';
  return new UserError(
    `method ${name}${why}: its loss is a softmax over the classes, of which one is right; the images of this data may have several. What works: ${own ? `${own}, ` : ''}supervised, kd, vitkd, and dearkd with --set dearkd.logitKd=none`,
  );
}
