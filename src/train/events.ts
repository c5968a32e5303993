/**
 * What a run says about itself, as plain JSON: console, files, server-sent events and a finished run are this one data.
 * `step` counts finished optimiser steps over all stages, from 1. `epoch` counts from 1 and is the one being run, or for
 * an evaluation the one just run. `stage` is the index in the recipe's list of stages, from 0.
 */
export type RunEvent =
  | RunStartEvent
  | StageStartEvent
  | StepEvent
  | EvaluationEvent
  | LedgerEvent
  | CheckpointEvent
  | WarningEvent
  | NoteEvent
  | RunEndEvent;

export type RunEventType = RunEvent['type'];

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface Stamped {
  /** Milliseconds since 1970. */
  readonly time: number;
}

export interface RunTotals {
  readonly stages: number;
  readonly epochs: number;
  readonly steps: number;
}

export interface RunStartEvent extends Stamped {
  readonly type: 'runStart';
  /** The resolved configuration. */
  readonly config: Json;
  readonly totals: RunTotals;
  /** Step of the checkpoint that the run goes on from; absent in a new run. */
  readonly resumedFrom?: number;
}

export interface StageStartEvent extends Stamped {
  readonly type: 'stageStart';
  readonly stage: number;
  readonly name: string;
  /** Steps of this stage. */
  readonly steps: number;
}

export interface StepEvent extends Stamped {
  readonly type: 'step';
  readonly step: number;
  readonly epoch: number;
  readonly stage: number;
  readonly loss: number;
  /** The named parts of the loss, as weighted in it. */
  readonly terms: Readonly<Record<string, number>>;
  readonly lr: number;
  /** Euclidean norm over all gradients, before clipping. */
  readonly gradNorm: number;
  readonly imagesPerSec: number;
  /** Share, 0 to 1, of the time since the last step event in which the step waited for its batch. */
  readonly dataWait: number;
  /** Share, 0 to 1, of that time spent in a teacher that runs as a model of its own; absent where it does not. */
  readonly teacherTime?: number;
  readonly etaSeconds: number;
  readonly totalSteps: number;
}

export interface EvaluationEvent extends Stamped {
  readonly type: 'evaluation';
  readonly step: number;
  readonly epoch: number;
  readonly stage?: number;
  /** By full name: `val/top1`, of the averaged weights `val_ema/top1`, `teacher/top1`. A bare name is taken for one of these weights. */
  readonly metrics: Readonly<Record<string, number>>;
  /** True if the averaged weights were evaluated. */
  readonly ema?: boolean;
}

/** What each loss term weighs: so a term that is a thousand times too small is seen early. */
export interface LedgerEvent extends Stamped {
  readonly type: 'ledger';
  readonly step: number;
  readonly epoch: number;
  readonly stage: number;
  /** Raw value, weight, and share (0 to 1) of the summed lengths of the weighted gradients over the student's parameters. */
  readonly terms: Readonly<Record<string, { readonly value: number; readonly weight: number; readonly share: number }>>;
  /**
   * How the gradients of each two terms lie to each other: their cosine, below 0 in conflict, and the length of the first one's
   * weighted gradient over that of the second, far from 1 where one dominates; null where the second is 0. Older runs have none.
   */
  readonly pairs?: readonly {
    readonly terms: readonly [string, string];
    readonly cosine: number;
    readonly ratio: number | null;
  }[];
  /** Of balanced weights: the shares that they follow from, and measurements so far: all, with a term without share, without answer. */
  readonly balance?: {
    readonly shares: Readonly<Record<string, number>>;
    readonly measured: number;
    readonly clamped: number;
    readonly degenerate: number;
  };
}

export interface CheckpointEvent extends Stamped {
  readonly type: 'checkpoint';
  readonly step: number;
  readonly kind: 'last' | 'best';
  readonly path: string;
}

export interface WarningEvent extends Stamped {
  readonly type: 'warning';
  readonly message: string;
}

export interface NoteEvent extends Stamped {
  readonly type: 'note';
  readonly message: string;
  /** True of what files keep and a terminal leaves out. */
  readonly detail?: true;
}

export interface RunEndEvent extends Stamped {
  readonly type: 'runEnd';
  readonly reason: 'done' | 'interrupted' | 'failed';
  /** Wall time of this process, not of the parts before a resume. */
  readonly seconds: number;
  readonly summary: { readonly [key: string]: Json };
}

/** An event without its time, as the code that raises it writes it. */
export type UnstampedEvent = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'time'> : never) : never;

/** Events that carry metrics. */
export type MetricEvent = StepEvent | EvaluationEvent | LedgerEvent;
