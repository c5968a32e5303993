import type { MultilabelScores } from '../../../analysis/multilabel.ts';
import type { Vector } from '../../../program/state.ts';
import type { Answers } from '../../../report/details.ts';
import type { TrainState } from '../../../train/trainState.ts';
import type { PlannedStage } from '../../plan/stages.ts';

export interface Evaluated {
  /** One event for the weights and one for their average; metrics by full name. */
  readonly events: readonly { readonly metrics: Record<string, number>; readonly ema: boolean }[];
  readonly named: Record<string, number>;
  /** The better top-1 and whether it is the average's; of multilabel data mAP, of images without labels agreement with the teacher (of a multilabel one: less KL); of a student without classifier less its loss. */
  readonly score: number;
  readonly ema: boolean;
  /** Of the weights themselves, not of their average; undefined of multilabel data. */
  readonly plain: Answers | undefined;
  /** All that is known of each image, of the better of the two. */
  readonly best: BestAnswers | BestFeatures;
}

export interface BestAnswers {
  /** By full name. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly student: Answers;
  readonly teacher: Answers | undefined;
  readonly divergences: Float32Array | undefined;
  /** Of multilabel data, in place of all else. */
  readonly scores: MultilabelScores | undefined;
  readonly teacherScores: MultilabelScores | undefined;
}

/** Of a student without a classifier, which decides nothing. */
export interface BestFeatures {
  /** By full name. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Held-out images. */
  readonly images: number;
}

/** Judges a run's student on images that it does not learn from. */
export interface Evaluator {
  enterStage(vectors: readonly Vector[], stage: PlannedStage): Promise<void>;
  evaluate(state: TrainState, epoch: number): Promise<Evaluated>;
  close(): Promise<void>;
}
