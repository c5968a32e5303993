import type { SearchPlan } from './schedule.ts';
import type { Cost } from './trials.ts';

/** What a round is made of, decided when it begins. */
export interface SavedPhase {
  /** Processor seconds of a run's training. */
  readonly budget: number;
  readonly seeds: number;
  readonly epochs: Readonly<Record<string, number>>;
  /** Of the final: processor seconds of a run of full length, seeds of the shorter runs, and rounds of seeds that were begun. */
  readonly full?: number;
  readonly curveSeeds?: number;
  readonly begun?: number;
}

/** What has been measured and decided so far: `state.json` of the folder. What a run found is in its own folder and record. */
export interface SavedState {
  readonly version: 1;
  /** The settings that decide, to be given again. */
  readonly request: unknown;
  readonly costs: Readonly<Record<string, Cost>>;
  readonly plan?: SearchPlan;
  readonly phases: Readonly<Record<string, SavedPhase>>;
}
