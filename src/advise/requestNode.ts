import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseConfig } from '../config/parse.ts';
import { runSchema } from '../config/schema.ts';
import { overlay, type Settings, valueAt } from '../config/settings.ts';
import type { OnListing } from '../data/folders/listingNode.ts';
import { UserError } from '../graph/errors.ts';
import { methodNamed } from '../methods/index.ts';
import { trainLabelled } from '../run/datasets/runData.ts';
import type { OnModel } from '../run/models/reference.ts';
import { decisiveChanges } from '../run/plan/freeSettings.ts';
import { ofItsRelease } from '../run/plan/olderRuns.ts';
import type { RunInputs } from '../run/training/prepare/assemble.ts';
import { secondsOf } from '../run/training/prepare/budget.ts';
import type { RunSettings } from '../run/training/runSettings.ts';
import { readJson } from '../study/recordsNode.ts';
import type { RunEvent } from '../train/events.ts';
import type { Advice } from './advice.ts';
import { allMethods, type Refused } from './arms.ts';
import type { CourseEvent } from './courseRuns.ts';
import type { SavedState } from './state.ts';

export type AdviceEvent =
  | CourseEvent
  /** What this teacher, student and data allow. */
  | { readonly type: 'methods'; readonly applies: readonly string[]; readonly refused: readonly Refused[] };

export interface AdviseOptions {
  /** Folder of images in class folders, as `distill` takes it. */
  readonly data: string;
  /** A trained model, as `distill` takes it. */
  readonly teacher: string;
  /** A name of `listModels`. */
  readonly student: string;
  /** Wall time of all of it: 30m, 2h. */
  readonly budget: string;
  /** Methods to try, sums too; default: all that apply. */
  readonly methods?: readonly string[];
  /** The least gain that is worth it, in points; default 1. */
  readonly gain?: number;
  /** New folder, or that of the same advice to go on with; default: runs/<data>-<student>-advice. */
  readonly out?: string;
  /** Settings that all runs share; `train.epochs` is then the full length, `train.seed` the first seed. */
  readonly settings?: RunSettings;
  readonly onAdviceEvent?: (event: AdviceEvent) => void;
  /** Told the events of each run. */
  readonly onEvent?: (event: RunEvent) => void;
  /** Aborting saves a checkpoint and ends; the same call goes on. */
  readonly signal?: AbortSignal;
  readonly onModel?: OnModel;
  readonly onListing?: OnListing;
}

export type AdviseResult =
  | { readonly reason: 'done'; readonly out: string; readonly advice: Advice }
  | { readonly reason: 'interrupted'; readonly out: string };

const SPLITS = 'it puts images aside itself, some that choose the method and others that judge it';

/** What is wrong with the request itself. */
export function checked({ data, teacher, student, budget, methods, gain = 1, settings = {} }: AdviseOptions) {
  if (!/^\d+(\.\d+)?[smhd]$/.test(budget))
    throw new UserError(`budget: wanted a time such as 30m or 2h, got ${JSON.stringify(budget)}`);
  if (!(gain > 0 && gain < 100)) throw new UserError(`gain: wanted points above 0 and below 100, got ${gain}`);
  const given = settings as Settings;
  for (const [key, why] of Object.entries({
    method: 'it finds the method itself; --methods names those to try',
    stages: 'it compares methods as they are, with their own stages',
    'data.innerFraction': SPLITS,
    'data.valHalf': SPLITS,
  }))
    if (valueAt(given, key) !== undefined) throw new UserError(`advise: ${key}: ${why}. Leave it out`);
  for (const name of methods ?? []) methodNamed(name);
  if (methods?.includes('supervised'))
    throw new UserError('--methods: supervised is training alone, which all others are compared with; leave it out');
  if (methods && new Set(methods).size < methods.length) throw new UserError('--methods: wanted each method once');
  const named = { data: { dir: data }, teacher: { ref: teacher }, student: { name: student } };
  return { base: overlay(given, named), seconds: secondsOf(budget), least: gain / 100, names: methods ?? allMethods() };
}

export function refuseData(dir: string, { data, teacher }: RunInputs): void {
  if (!trainLabelled(data))
    throw new UserError(
      `${dir}: wanted images in class folders, got images without labels: there is no training alone to compare with, and nothing to judge by. Distil the teacher's answers: understudy distill --method kd --set kd.alpha=1`,
    );
  if (!teacher) throw new UserError('advise: wanted a teacher, got none; add --teacher REF');
}

export const noMethod = (refused: readonly Refused[]): UserError =>
  new UserError(
    `advise: no method applies to this teacher, student and data:\n  ${refused.map(({ name, why }) => `${name}: ${why}`).join('\n  ')}`,
  );

/** A request as this release would write it: settings that it did not know have the values that were meant. */
function asWrittenNow({ advise, ...settings }: Settings, where: string): object {
  return { ...parseConfig(runSchema, { ...ofItsRelease(settings, where) }, where), advise };
}

/** @throws UserError where the folder is that of another advice, or of something else */
export async function stateOf(out: string, request: unknown): Promise<SavedState> {
  const fresh = { version: 1, request, costs: {}, phases: {} } as const;
  if (!existsSync(out)) return fresh;
  const held = await readJson<SavedState>(join(out, 'state.json'));
  if (!held) {
    if (existsSync(join(out, 'config.yaml')) || existsSync(join(out, 'plan.json')))
      throw new UserError(
        `${out}: wanted a new folder or that of an advice, got one of something else; use another --out`,
      );
    return fresh;
  }
  // Nothing was decided yet: what was measured then belongs to another time.
  if (!held.plan) {
    await rm(join(out, 'records'), { recursive: true, force: true });
    return fresh;
  }
  const changes = decisiveChanges(asWrittenNow(held.request as Settings, out), request as object);
  if (changes.length > 0)
    throw new UserError(
      `${out}: wanted the request that this advice was begun with, got another:\n  ${changes.map(({ key, before, now }) => `${key} was ${JSON.stringify(before)}, now ${JSON.stringify(now)}`).join('\n  ')}\n  Put it back to go on, or use another --out`,
    );
  return held;
}
