import { z } from 'zod';
import { schemaProblem } from '../formats/disk/schemaProblem.ts';
import { brief, UserError } from '../graph/errors.ts';

/** Metrics that are not finite are null in JSON. */
const metric = z.union([z.number(), z.null().transform(() => Number.NaN)]);
const count = z.int().min(0);
const numbers = z.record(z.string(), z.number());

const progressSchema = z.strictObject({
  version: z.literal(1),
  /** Finished updates over all stages. */
  step: count,
  stage: count,
  /** Weights of the loss terms of this stage, "auto" resolved. */
  weights: z.record(z.string(), z.number()),
  /** How this stage's teacher computes: "auto" resolved, and the ranges of its activations in 8 bits. */
  teacher: z
    .strictObject({
      precision: z.enum(['fp32', 'int8']),
      ranges: z
        // Older releases do not say of what a range is: they are measured anew.
        .array(z.strictObject({ min: z.number(), max: z.number(), of: z.string().optional() }))
        .exactOptional(),
    })
    .exactOptional(),
  /** The shares of balanced terms in this stage, and what they follow from. */
  balance: z
    .strictObject({
      shares: numbers,
      logits: numbers,
      first: numbers,
      second: numbers,
      measured: count,
      clamped: count,
      degenerate: count,
    })
    .exactOptional(),
  best: z.strictObject({ step: count, metric }).nullable(),
  /** Metrics of the last evaluation, by full name. */
  last: z.record(z.string(), metric),
  /** Where train.earlyStop watches: the best value of its metric and the evaluations since. */
  early: z.strictObject({ best: metric, since: count }).exactOptional(),
  /** The run was stopped early: a resume has nothing to do. */
  ended: z.boolean().exactOptional(),
  /** On what it computes, with how many threads: another rounds otherwise. Runs of older releases do not say. */
  computed: z.string().exactOptional(),
  seed: z.number(),
  /** Digest of the list of training images: names, labels, order. */
  data: z.string(),
  /** Of the validation images; runs of older releases have none. */
  validation: z.string().exactOptional(),
  /** The settings that decide about the run's numbers: config.yaml may be edited by hand. Runs of older releases have none. */
  settings: z.record(z.string(), z.unknown()).exactOptional(),
});

type Stored = z.output<typeof progressSchema>;
type Range = { readonly min: number; readonly max: number; readonly of: string };

/** Where a run stands; with the arrays it is all that an exact resume needs, since random streams are named by position. */
export type Progress = Readonly<Omit<Stored, 'teacher'>> & {
  readonly teacher?: { readonly precision: 'fp32' | 'int8'; readonly ranges?: readonly Range[] };
};

/** In the order of the schema: a run that went on writes the same bytes as one that never stopped. */
export const ordered = (progress: Progress): Progress =>
  Object.fromEntries(
    Object.keys(progressSchema.shape).flatMap((key) => {
      const value = progress[key as keyof Progress];
      return value === undefined ? [] : [[key, value]];
    }),
  ) as unknown as Progress;

/** @throws UserError that names the file and the first key that is wrong. */
export function parseProgress(value: unknown, path: string): Progress {
  const { version } = (value ?? {}) as { version?: unknown };
  if (typeof version === 'number' && version !== 1)
    throw new UserError(`${path}: wanted version 1, got ${version}; it was written by another release`);
  const checked = progressSchema.safeParse(value);
  if (checked.success) return checked.data as Progress;
  throw damaged(path, schemaProblem(checked.error));
}

/** @throws UserError where the numbers contradict each other or the run's stages. */
export function checkProgress(
  progress: Progress,
  stages: readonly { readonly from: number; readonly to: number }[],
  seed: number,
  path: string,
): void {
  const { step, stage, best } = progress;
  const own = stages[stage];
  const total = stages.at(-1)!.to;
  if (step > total) throw damaged(path, `step: wanted at most the ${total} of the run, got ${step}`);
  if (own === undefined || step < own.from || step > own.to)
    throw damaged(path, `stage: wanted that of step ${step}, got ${stage}`);
  // The measures are shares, or a divergence with its sign turned.
  if (best && (best.step > step || best.step < 1 || best.metric > 1))
    throw damaged(path, `best: wanted an evaluation up to step ${step}, got ${brief(JSON.stringify(best))}`);
  if (progress.seed !== seed) throw damaged(path, `seed: wanted ${seed}, as in config.yaml, got ${progress.seed}`);
}

/** The remedy of all that is wrong with a checkpoint. */
export const damaged = (path: string, what: string): UserError =>
  new UserError(
    `${path}: ${what}. The checkpoint is damaged or was edited: put its files back, or start a new run with another --out`,
  );
