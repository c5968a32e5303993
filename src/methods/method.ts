import type { ZodType } from 'zod';
import type { Tensor } from '../graph/tensor.ts';
import type { FeatureName, Features, ModelConfig } from '../models/index.ts';
import type { Scope } from '../nn/scope.ts';

/** One part of a loss. The loss is the sum of weight x value over the terms. */
export interface Term {
  /** A scalar. */
  readonly value: Tensor;
  readonly weight: number;
  /** Epochs over which the weight rises: in epoch n of the run, counted from 1, it is n / rise of it, at most all. Default: none. */
  readonly rise?: number;
}

export type Terms = Readonly<Record<string, Term>>;

export interface LossContext<C> {
  /** For the method's own parameters (`method.*`); they are trained with the student and never exported. */
  readonly scope: Scope;
  readonly student: Features;
  /** Frozen; undefined for a method that needs none. */
  readonly teacher: Features | undefined;
  /** Label rows [B,K] that sum to 1: one-hot or mixed, not smoothed. Undefined without labels. */
  readonly targets: Tensor | undefined;
  /** The rows have a 1 for each of an image's classes instead, or a part of it where images are mixed. */
  readonly multilabel?: boolean | undefined;
  readonly config: C;
  /** Training images of the run, where that is known: for what a method remembers of them. */
  readonly images?: number | undefined;
}

/**
 * Labels that a method can learn from. `any`: rows that sum to 1, one-hot or mixed (mixup, cutmix). `integer`: one-hot rows
 * only; the graph cannot tell, so whoever feeds the batch must refuse mixing. `none`: it reads none.
 */
export type LabelNeed = 'none' | 'any' | 'integer';

/** What must be there before anything is compiled. */
export interface Needs {
  readonly student: readonly FeatureName[];
  /** Empty: no teacher. */
  readonly teacher: readonly FeatureName[];
  readonly labels: LabelNeed;
}

/** A stage of a method; `settings` are what it takes over unless that stage's method is given its own. */
export interface MethodStage {
  readonly method: string;
  readonly share: number;
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** How a student learns. */
export interface Method<C = unknown> {
  readonly name: string;
  readonly summary: string;
  /** Of a sum (`vitkd+nkd`): the names of its members, which are the sections of its config. */
  readonly parts?: readonly string[];
  /** Its settings, with defaults. */
  readonly config: ZodType<C>;
  needs(config: C): Needs;
  /** Whether its loss holds for images of several classes: a softmax over the classes does not. Left out: never. */
  multilabel?(config: C): boolean;
  /** What the method asks of the student's architecture (a distillation token, MHCA); explicit settings of the user win. */
  shapeStudent?(config: C, student: ModelConfig, teacher: Features | undefined): Readonly<Record<string, unknown>>;
  loss(context: LossContext<C>): Terms;
  /** Stages that the method is made of, where it is more than one; shares of the epochs sum to 1. */
  stages?(config: C): readonly MethodStage[];
}
