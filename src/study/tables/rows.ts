import type { SetQuality } from '../../run/synthesis/quality.ts';
import type { StudyAxis, StudyPlan } from '../plan.ts';

/** A set of images of the study, with what was measured of it; null while it is not finished. */
export interface ImageSetRow {
  readonly name: string;
  readonly quality: SetQuality | null;
}

/** One run of the study. Accuracies are shares, 0 to 1. */
export interface RunRow {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'done' | 'failed' | 'interrupted' | 'waiting';
  /** `metric` at the last evaluation, which is not the best one: to choose by the validation images would flatter. */
  readonly last: number | null;
  readonly best: number | null;
  readonly seconds: number | null;
  /** Processor time: unlike `seconds` it does not grow where other programs want the processor too. */
  readonly cpuSeconds: number | null;
  readonly steps: number | null;
  readonly imagesSeen: number | null;
  readonly trainImages: number | null;
  readonly parameters: number | null;
  /** Multiply-accumulates of one image, and the milliseconds that one takes. */
  readonly macs: number | null;
  readonly latencyMs: number | null;
  readonly error: string | null;
  /** Right or wrong on each validation image (rightBits.ts), where the metric is val/top1; absent of runs that did not keep it. */
  readonly right?: string;
}

/** Means over the seeds of one combination of the other axes. */
export interface TableRow {
  readonly labels: Readonly<Record<string, string>>;
  /** Finished runs, of `planned`. */
  readonly n: number;
  readonly planned: number;
  readonly mean: number | null;
  /** Standard deviation over the seeds (n - 1); null for fewer than two. */
  readonly sd: number | null;
  /** Where the study file expects this row against the baseline; null where nowhere. */
  readonly expected: 'above' | 'below' | null;
  /** The label that this row is compared with; null for the baseline itself and in a study without one. */
  readonly against: string | null;
  /** To `against`; null for the baseline itself and where no pair is finished. */
  readonly difference: PairedDifference | null;
  readonly seconds: number | null;
  /** Null where it is not known of every finished run. */
  readonly cpuSeconds: number | null;
  readonly imagesSeen: number | null;
  readonly trainImages: number | null;
  /** Of the students; null where it is not known of every finished run. */
  readonly parameters: number | null;
  readonly macs: number | null;
  readonly latencyMs: number | null;
}

/** This row minus what it is compared with, over the seeds that both have, all other labels alike. */
export interface PairedDifference {
  readonly n: number;
  readonly mean: number;
  /** 95 % interval; null for one pair. */
  readonly interval: readonly [low: number, high: number] | null;
  /** Whether the chance of the validation images is in the interval, beside that of the seeds. */
  readonly overImages?: boolean;
  /** True where the interval includes 0; null where there is none. */
  readonly insideNoise: boolean | null;
}

export interface StudyReport {
  readonly name: string;
  readonly metric: string;
  readonly axes: readonly StudyAxis[];
  readonly baseline: StudyPlan['baseline'];
  readonly teachers: readonly RunRow[];
  readonly runs: readonly RunRow[];
  readonly table: readonly TableRow[];
  /** Images made from a teacher; absent where the study makes none. */
  readonly images?: readonly ImageSetRow[];
}
