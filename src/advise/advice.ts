import type { ModelSize } from '../run/models/size.ts';
import type { Refused } from './arms.ts';
import type { Foreseen } from './statistics/extrapolate.ts';
import type { Needed } from './statistics/power.ts';
import type { Judges } from './trials.ts';

/** A round of the search: scores that choose and are not reported as results. */
export interface SearchRound {
  /** Processor seconds of a run's training. */
  readonly budget: number;
  readonly rows: readonly {
    readonly arm: string;
    readonly epochs: number;
    /** By seed. */
    readonly scores: readonly number[];
    readonly mean: number | null;
    readonly kept: boolean;
    readonly error?: string;
  }[];
}

/** A finalist, judged on the validation images. */
export interface FinalArm extends ModelSize {
  readonly arm: string;
  readonly epochs: number;
  /** Shares of right answers by seed, and their mean and spread. */
  readonly scores: readonly number[];
  readonly mean: number;
  readonly sd: number | null;
  /** Processor seconds of a run's training as measured, and of the whole run. */
  readonly trainSeconds: number | null;
  readonly cpuSeconds: number | null;
  /** Folder of its first run. */
  readonly run: string;
}

/** What the chosen method has over another arm, in shares. */
export interface GainOver {
  readonly over: string;
  readonly gain: number;
  readonly interval: readonly [low: number, high: number] | null;
}

export type VerdictKind = 'worth' | 'notWorth' | 'unclear';

export interface Verdict {
  readonly kind: VerdictKind;
  /** In words, some sentences. */
  readonly text: string;
  /** Of images that cannot tell: what would be needed to see a gain of `least`; null else. */
  readonly needed: Needed | null;
}

/** The answer: `advice.json`. */
export interface Advice {
  readonly version: 1;
  readonly data: string;
  readonly teacher: string;
  readonly student: string;
  /** The method that came out of the search. */
  readonly method: string;
  /** Gain in shares below which it is not worth it. */
  readonly least: number;
  readonly seconds: number;
  readonly budget: number;
  readonly trainImages: number;
  /** Those that judge the final. */
  readonly validationImages: number;
  /** So many images judged the search: a part of the training images, or half of the validation images. */
  readonly chosenBy: Judges;
  readonly metric: string;
  readonly applies: readonly string[];
  readonly refused: readonly Refused[];
  readonly search: readonly SearchRound[];
  /** Processor seconds of a final run's training; and of a run of full length. */
  readonly finalBudget: number;
  readonly fullBudget: number;
  readonly final: readonly FinalArm[];
  readonly curve: readonly { readonly arm: string; readonly budget: number; readonly scores: readonly number[] }[];
  readonly gains: readonly GainOver[];
  /** Of the gain over training alone at full length; `reached` where the final runs were that long. */
  readonly full: Foreseen | { readonly known: 'reached' };
  readonly verdict: Verdict;
  readonly notes: readonly string[];
  /** The command to run next. */
  readonly next: string;
}
