import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseConfig } from '../config/parse.ts';
import { type RunInput, runSchema } from '../config/schema.ts';
import { overlay, type Settings } from '../config/settings.ts';
import { showPlaces } from '../data/places.ts';
import type { OnListing } from '../data/folders/listingNode.ts';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { lockFolder } from '../formats/disk/folderLockNode.ts';
import { makeFolder } from '../formats/disk/makeFolderNode.ts';
import { UserError } from '../graph/errors.ts';
import { methodNamed } from '../methods/index.ts';
import type { OnModel } from '../run/models/reference.ts';
import { decisive, decisiveChanges } from '../run/plan/freeSettings.ts';
import { secondsOf } from '../run/training/prepare/budget.ts';
import { openInputs } from '../run/training/prepare/openInputsNode.ts';
import type { RunInputs } from '../run/training/prepare/assemble.ts';
import type { RunSettings } from '../run/training/startRunNode.ts';
import { readJson } from '../study/recordsNode.ts';
import type { RunEvent } from '../train/events.ts';
import type { Advice } from './advice.ts';
import { adviceHtml } from './adviceHtml.ts';
import { adviceText } from './adviceText.ts';
import { type Arm, allMethods, armsOf, type Refused, sameLayers } from './arms.ts';
import { adviceOf } from './conclude.ts';
import { type CourseEvent, runCourse } from './course.ts';
import { nextCommand } from './nextCommand.ts';
import type { SavedState } from './state.ts';
import { NodeTrials } from './trialsNode.ts';

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

/**
 * Whether distilling is worth it on these images, with which method and by how much: tries the methods that apply and training alone
 * at equal processor time, chooses on a part of the training images, and judges on the validation images. Writes advice.json,
 * advice.txt and index.html beside its runs.
 *
 * ```ts
 * const result = await advise({ data: 'photos', teacher: 'runs/teacher', student: 'vit_tiny_patch4', budget: '2h' });
 * if (result.reason === 'done') console.log(result.advice.verdict.text, result.advice.next);
 * ```
 * @throws UserError for whatever the caller can mend: no labels, a time too short to say anything, a folder of another advice
 */
export async function advise(options: AdviseOptions): Promise<AdviseResult> {
  const { base, seconds, least, names } = checked(options);
  const { onModel, onListing, onAdviceEvent: tell = () => undefined } = options;
  const config = parseConfig(runSchema, base as unknown as RunInput, 'config');
  const inputs = await openInputs(config, { onModel, onListing });
  refuseData(showPlaces(config.data.dir), inputs);
  const found = armsOf(base, names, inputs);
  const out =
    options.out ?? join('runs', `${basename(resolve(showPlaces(config.data.dir)))}-${config.student.name}-advice`);
  const request = decisive({ config, methods: names, gain: least, budget: seconds });
  if (found.methods.length === 0) throw noMethod(found.refused);
  const before = await stateOf(out, request);
  makeFolder(out);
  const lock = await lockFolder(out);
  try {
    tell({ type: 'methods', applies: found.methods.map(({ name }) => name), refused: found.refused });
    return await goOn({ ...options, out }, { base, seconds, least, inputs, ...found }, before, tell);
  } finally {
    await lock.release();
  }
}

interface Prepared {
  readonly base: Settings;
  readonly seconds: number;
  readonly least: number;
  readonly inputs: RunInputs;
  readonly alone: Arm;
  readonly methods: readonly Arm[];
  readonly refused: readonly Refused[];
}

async function goOn(
  options: AdviseOptions & { readonly out: string },
  prepared: Prepared,
  state: SavedState,
  tell: (event: AdviceEvent) => void,
): Promise<AdviseResult> {
  const { out } = options;
  const done = await readJson<Advice>(join(out, 'advice.json'));
  if (done) return { reason: 'done', out, advice: done };
  const { base, inputs, alone, methods, refused, seconds, least } = prepared;
  const metric = inputs.data.multilabel ? 'val/map' : 'val/top1';
  const trials = new NodeTrials({ out, base, inputs, metric, signal: options.signal, onEvent: options.onEvent });
  const found = await runCourse({
    ...{ alone, methods, seconds, trials, state, tell },
    reference: methods.find(({ name }) => name === 'kd') ?? null,
    sameLayers: (arm) => sameLayers(base, arm, inputs),
    seed: parseConfig(runSchema, base as unknown as RunInput, 'config').train.seed,
    keep: (now) => writeFileAtomic(join(out, 'state.json'), `${JSON.stringify(now, null, 2)}\n`),
  });
  if (!found) return { reason: 'interrupted', out };
  const { train, val } = inputs.data;
  const asked = {
    ...{ data: options.data, teacher: options.teacher, student: options.student, least, refused, out, metric },
    ...{ budget: seconds, seconds: await trials.spent(), applies: methods.map(({ name }) => name) },
    ...{ trainImages: train.paths.length, validationImages: val.paths.length },
  };
  const advice = adviceOf(found, asked, (judged) => nextCommand(options, found, judged));
  await writeFileAtomic(join(out, 'advice.txt'), `${adviceText(advice)}\n`);
  await writeFileAtomic(join(out, 'index.html'), adviceHtml(advice));
  await writeFileAtomic(join(out, 'advice.json'), `${JSON.stringify(advice, null, 2)}\n`);
  return { reason: 'done', out, advice };
}

/** What is wrong with the request itself. */
function checked({ data, teacher, student, budget, methods, gain = 1, settings = {} }: AdviseOptions) {
  if (!/^\d+(\.\d+)?[smhd]$/.test(budget))
    throw new UserError(`budget: wanted a time such as 30m or 2h, got ${JSON.stringify(budget)}`);
  if (!(gain > 0 && gain < 100)) throw new UserError(`gain: wanted points above 0 and below 100, got ${gain}`);
  const given = settings as Settings;
  for (const [key, why] of Object.entries({
    method: 'it finds the method itself; --methods names those to try',
    stages: 'it compares methods as they are, with their own stages',
  }))
    if (given[key] !== undefined) throw new UserError(`advise: ${key}: ${why}. Leave it out`);
  for (const name of methods ?? []) methodNamed(name);
  if (methods?.includes('supervised'))
    throw new UserError('--methods: supervised is training alone, which all others are compared with; leave it out');
  if (methods && new Set(methods).size < methods.length) throw new UserError('--methods: wanted each method once');
  const named = { data: { dir: data }, teacher: { ref: teacher }, student: { name: student } };
  return { base: overlay(given, named), seconds: secondsOf(budget), least: gain / 100, names: methods ?? allMethods() };
}

function refuseData(dir: string, { data, teacher }: RunInputs): void {
  if (!data.labelled)
    throw new UserError(
      `${dir}: wanted images in class folders, got images without labels: there is no training alone to compare with, and nothing to judge by. Distil the teacher's answers: understudy distill --method kd --set kd.alpha=1`,
    );
  if (!teacher) throw new UserError('advise: wanted a teacher, got none; add --teacher REF');
}

const noMethod = (refused: readonly Refused[]): UserError =>
  new UserError(
    `advise: no method applies to this teacher, student and data:\n  ${refused.map(({ name, why }) => `${name}: ${why}`).join('\n  ')}`,
  );

/** @throws UserError where the folder is that of another advice, or of something else */
async function stateOf(out: string, request: unknown): Promise<SavedState> {
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
  const changes = decisiveChanges(held.request as object, request as object);
  if (changes.length > 0)
    throw new UserError(
      `${out}: wanted the request that this advice was begun with, got another:\n  ${changes.map(({ key, before, now }) => `${key} was ${JSON.stringify(before)}, now ${JSON.stringify(now)}`).join('\n  ')}\n  Put it back to go on, or use another --out`,
    );
  return held;
}
