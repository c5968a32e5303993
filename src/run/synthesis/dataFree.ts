import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../config/parse.ts';
import { type SynthesisInput, synthesisSchema } from '../../config/synthesis.ts';
import { type Claim, Claims } from '../../formats/disk/claimsNode.ts';
import { ofFolder } from '../../formats/disk/folderLockNode.ts';
import type { LockTimes } from '../../formats/disk/lockNode.ts';
import { renewFolder } from '../../formats/disk/renewFolderNode.ts';
import { shareUnits } from '../../formats/disk/shareUnitsNode.ts';
import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import type { RunEvent } from '../../train/events.ts';
import type { Device } from '../../engine/devices.ts';
import { openDataset } from '../../data/openDatasetNode.ts';
import type { OnModel } from '../models/reference.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { RunResult } from '../training/course/result.ts';
import type { RunSettings } from '../training/runSettings.ts';
import { startRun } from '../training/startRunNode.ts';
import { inOrder } from '../models/namedByData.ts';
import { describedIn, openTeacher } from './openTeacher.ts';
import { planSynthesis } from './plan.ts';
import { describeSet } from './settingsFile.ts';
import { type SynthesisEvent, type SynthesisResult, synthesize } from './synthesize.ts';

export interface DataFreeOptions {
  readonly teacher: string;
  /** A name of `listModels`. */
  readonly student: string;
  /** Images to make, in all. */
  readonly images: number;
  readonly synthesis?: SynthesisInput;
  /** Adaptive rounds: the images are made in so many parts, each after the first against the student so far. Default: 1. */
  readonly rounds?: number;
  /** Real images, for reporting only. */
  readonly data?: string;
  /** Folder of the images; default: runs/images/<digest of all that they depend on>, so that another student finds them there. */
  readonly imagesDir?: string;
  readonly out?: string;
  /** Settings of the runs; the method is dearkd unless they say another, and what it learns from is the teacher's answers. */
  readonly settings?: RunSettings;
  readonly onEvent?: (event: RunEvent) => void;
  readonly onSynthesisEvent?: (event: SynthesisEvent) => void;
  readonly onModel?: OnModel;
  readonly signal?: AbortSignal;
  readonly device?: Device;
  /** When what other processes have is given up. */
  readonly claimTimes?: LockTimes;
}

export interface DataFreeResult extends RunResult {
  readonly images: SynthesisResult;
  /** Where the validation metrics come from. */
  readonly validatedOn: 'real images, for reporting only' | 'a tenth of the synthetic images';
}

/**
 * Made images have the labels that were asked of the teacher and what the teacher says of them, which is the truer: in both stages
 * DearKD learns the latter. Our choice: on digits it was worth 6 to 12 points (docs/results.md); `--set dearkd.KEY=VALUE` wins.
 */
const ANSWERS = { logitKd: 'soft', alpha: 1, tau: 4, stageTwo: 'teacher' } as const;

/** Weight of the disagreement in adaptive rounds where none is set: the paper's. */
const ADI = 0.2;

/**
 * Data-free distillation (DF-DearKD): makes images from the teacher alone, then distils on them. Interrupted, the same call goes
 * on; made by several processes at once, they share the images and wait for the one that trains.
 * @throws UserError as `synthesize` and `distill`.
 */
export async function distillDataFree(given: DataFreeOptions): Promise<DataFreeResult> {
  const { rounds = 1, student } = given;
  if (rounds > given.images)
    throw new UserError(`rounds: wanted at most one for each image, got ${rounds} of ${given.images}`);
  const { options, model } = await namedTeacher(given);
  const { settings = {} } = options;
  const method = settings.method ?? 'dearkd';
  const out = options.out ?? join('runs', `dataFree-${student}-${method}`.replaceAll(/[/\\]/g, '_'));
  const dir = options.imagesDir ?? (rounds > 1 ? `${out}-images` : cacheFolder(options, model));
  let made: SynthesisResult | undefined;
  let run: RunResult | undefined;
  let shown = 0;
  for (let round = 1; round <= rounds; round++) {
    const upTo = Math.round((options.images * round) / rounds);
    made = await makeRound(options, dir, round, upTo - shown, run);
    shown = upTo;
    if (made.reason === 'interrupted') return interrupted(out, made, options);
    const last = round === rounds;
    run = await trainAlone(options, dir, method, last ? out : `${out}-round${round}`, run);
    if (run === undefined) return interrupted(out, made, options);
    if (run.reason === 'interrupted') break;
  }
  return { ...run!, images: made!, validatedOn: validatedOn(options) };
}

const validatedOn = ({ data }: DataFreeOptions): DataFreeResult['validatedOn'] =>
  data === undefined ? 'a tenth of the synthetic images' : 'real images, for reporting only';

const interrupted = (out: string, images: SynthesisResult, options: DataFreeOptions): DataFreeResult => ({
  out,
  reason: 'interrupted',
  steps: 0,
  last: {},
  best: null,
  seconds: images.seconds,
  student: null,
  data: images.out,
  images,
  validatedOn: validatedOn(options),
});

/**
 * The teacher, and the options with its classes by name: where they are known as the data's ("index") and there are data, these
 * name them.
 * @throws UserError, before an image is made, where the data have classes that it does not know.
 */
async function namedTeacher(options: DataFreeOptions): Promise<{ options: DataFreeOptions; model: LoadedModel }> {
  const { data, teacher, settings = {}, onModel } = options;
  const said = describedIn(settings.teacher);
  const classes = data === undefined ? [] : (await openDataset(data, { valFraction: 0, seed: 0 })).classes;
  const word = said.classes === 'index' || said.classes === 'natural' ? said.classes : undefined;
  const named = word && classes.length > 0 ? { ...said, classes: [...inOrder(word, classes)] } : said;
  // What was assumed about it is told when the images are made.
  const downloads: OnModel = (event) => event.type === 'download' && onModel?.(event);
  const model = await openTeacher(teacher, named, downloads);
  const lacking = classes.filter((name) => !model.classes.includes(name));
  if (lacking.length > 0)
    throw new UserError(
      `${data}: wanted images of the teacher's classes (${listNames(model.classes)}), got ${listNames(lacking)} besides; remove these folders, or leave --data out`,
    );
  const whole = typeof settings.teacher === 'object' ? settings.teacher : {};
  return { options: { ...options, settings: { ...settings, teacher: { ...whole, ...named, ref: teacher } } }, model };
}

/** A folder named after all that the images depend on: the same images are not made twice. */
function cacheFolder({ images, synthesis = {} }: DataFreeOptions, model: LoadedModel): string {
  const settings = parseConfig(synthesisSchema, synthesis, 'synthesis');
  const description = describeSet(
    model,
    undefined,
    planSynthesis(model.classes, undefined, images, settings),
    settings,
  );
  const digest = createHash('sha256').update(JSON.stringify(description)).digest('hex');
  return join('runs', 'images', digest.slice(0, 12));
}

function makeRound(
  options: DataFreeOptions,
  dir: string,
  round: number,
  images: number,
  student: RunResult | undefined,
) {
  const { teacher, synthesis = {}, onSynthesisEvent, signal, claimTimes } = options;
  const adaptive = student ? { adi: synthesis.adi || ADI, seed: (synthesis.seed ?? 0) + round - 1 } : { adi: 0 };
  return synthesize({
    teacher,
    described: describedIn(options.settings?.teacher),
    out: dir,
    images,
    round,
    settings: { ...synthesis, ...adaptive },
    ...(student ? { student: student.out } : {}),
    ...(onSynthesisEvent ? { onEvent: onSynthesisEvent } : {}),
    ...(signal ? { signal } : {}),
    ...(claimTimes ? { claimTimes } : {}),
  });
}

/** Of the processes that share the folder one trains; the others wait, and take the run over should that one die. */
async function trainAlone(
  options: DataFreeOptions,
  dir: string,
  method: string,
  out: string,
  before: RunResult | undefined,
): Promise<RunResult | undefined> {
  const claims = new Claims(options.claimTimes);
  const note = (message: string) => options.onSynthesisEvent?.({ type: 'note', message });
  let run: RunResult | undefined;
  await shareUnits({
    units: [out],
    settled: async () => run !== undefined,
    claim: () => claims.take(`${out}.lock`, ofFolder(out)),
    make: async (_, claim) => {
      await renewFolder(out, claim);
      run = await trainOn(options, dir, method, out, before, claim);
      return true;
    },
    onLost: (_, { message }) => note(message),
    onWait: () => note(`waiting for ${out}, which another process trains`),
    signal: options.signal,
  });
  return run;
}

/** A run on the images so far; after the first round it starts from the student of the round before. */
function trainOn(
  options: DataFreeOptions,
  dir: string,
  method: string,
  out: string,
  before: RunResult | undefined,
  claim: Claim,
) {
  const { settings = {}, synthesis, data, student, onEvent, onModel, signal, device } = options;
  const flip = synthesis?.flip === 0 ? { flip: 0 } : {};
  const resume = existsSync(join(out, 'config.yaml'));
  const config: RunSettings = {
    ...settings,
    method,
    ...(method === 'dearkd'
      ? { methods: { ...settings.methods, dearkd: { ...ANSWERS, ...settings.methods?.dearkd } } }
      : {}),
    augment: { ...flip, ...settings.augment },
    data: { ...settings.data, dir, valDir: data ?? null },
    student: { ...settings.student, name: student, ...(before ? { init: before.out } : {}) },
  };
  return startRun('distill', config, {
    out,
    resume,
    claim,
    ...(onEvent ? { onEvent } : {}),
    ...(onModel ? { onModel } : {}),
    ...(signal ? { signal } : {}),
    ...(device ? { device } : {}),
  });
}
