import type { Arm } from './arms.ts';

/** Our choice: so much of the training images chooses among the methods. */
export const INNER = 0.2;

/**
 * What a run trains on and what judges it. inner: a part of the training images judges the rest. choosing: all of them train, the half
 * of the validation images that chooses judges. whole: all of them train, the other half judges, or, where the inner split chooses, all
 * validation images.
 */
export type Images = Choosing | 'whole';
export type Choosing = 'inner' | 'choosing';

/** So many images judge the search. */
export interface Judges {
  readonly images: number;
  readonly of: 'training' | 'validation';
}

/** Our choice: half of the validation images chooses where it is so many times the inner split: the final's judges are halved for it. */
const WORTH_HALVING = 2;

/** What judges the search; what it leaves alone judges the final. */
export const choosingImages = (training: number, validation: number): Choosing =>
  validation / 2 > WORTH_HALVING * INNER * training ? 'choosing' : 'inner';

/** The part of so many training images that chooses. */
export const innerImages = (training: number): Judges => ({
  images: Math.round(INNER * training),
  of: 'training',
});

/** Of the training images, the part that trains. */
export const trainedShare = (images: Images): number => (images === 'inner' ? 1 - INNER : 1);

/** A run of an advice. */
export interface Trial {
  /** Where it is below the advice's folder: `search1/kd-seed0`. */
  readonly key: string;
  readonly arm: Arm;
  readonly epochs: number;
  readonly seed: number;
  readonly images: Images;
}

/** What an arm costs, in processor seconds; wall seconds are `wall` times as many. */
export interface Cost {
  /** Of the updates of an epoch over all training images, the teacher and the loading of the images included. */
  readonly epoch: number;
  /** Of what does not grow with the epochs: building, one evaluation, the run's files. */
  readonly rest: number;
  readonly wall: number;
}

export type Made =
  | {
      readonly state: 'done';
      /** Share of right answers (of several classes: mAP) on what it was validated on. */
      readonly score: number;
      /** Wall and processor seconds of the whole run; the second null where a part was killed. */
      readonly seconds: number;
      readonly cpuSeconds: number | null;
      /** Processor seconds of an epoch's updates, on the images that it trained on; null where it could not be measured. */
      readonly epochCpu: number | null;
    }
  | { readonly state: 'failed'; readonly error: string; readonly seconds: number }
  | { readonly state: 'interrupted' };

/** What makes the runs of an advice. */
export interface Trials {
  /** Of an arm that has no runs yet, by some updates. */
  cost(arm: Arm): Promise<Cost>;
  /** Makes a run, goes on with it, or tells of a finished one. */
  make(trial: Trial): Promise<Made>;
  /** How right a finished run is on each validation image, 0 to 1; NaN where one cannot be read. */
  scores(trial: Trial): Promise<Float64Array>;
  /** Wall seconds that all of it has taken so far, interrupted parts included. */
  spent(): Promise<number>;
}
