import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../config/parse.ts';
import { type RunConfig, type RunInput, runSchema } from '../../config/schema.ts';
import { differences, overlay, type Settings } from '../../config/settings.ts';
import type { Engine } from '../../engine/contract.ts';
import { naming, UserError } from '../../graph/errors.ts';
import { buildModel, VARIANTS } from '../../models/index.ts';
import { checkWeights } from '../../formats/matchNames.ts';
import { modelParams } from '../../program/evalProgram.ts';
import { createRunFolder } from '../../train/runFolderNode.ts';
import { type Checkpoint, loadCheckpoint, type Progress } from '../../train/checkpointNode.ts';
import type { RunEvent } from '../../train/events.ts';
import { checkInit, checkNames, checkStages } from './prepare/checks.ts';
import { checkNeeds, describeFeatures, type RunParts } from './stage/spec.ts';
import { epochsWithin } from './prepare/budget.ts';
import { type Choice, chooseSettings } from '../plan/defaults.ts';
import { initialWeights } from './stage/initialWeights.ts';
import { checkMultilabel } from '../datasets/multilabel.ts';
import { checkMixing, takesIntegerLabels } from '../plan/integerLabels.ts';
import { checkProbe, probesByDefault } from './prepare/linearProbe.ts';
import { loadModelReference, refuseOnnx, type OnModel, trainable } from '../models/reference.ts';
import type { OwnModel } from '../models/loaded.ts';
import { givenClasses, namedByData } from '../models/described.ts';
import { openRunData } from '../datasets/openRunData.ts';
import type { Device } from '../../engine/devices.ts';
import { checkEarlyStop } from './course/earlyStop.ts';
import { computedOn, engineFor } from '../../engine/engineForNode.ts';
import { executeRun } from './course/executeRun.ts';
import type { RunResult } from './course/result.ts';
import { readRunConfig } from '../plan/configFileNode.ts';
import { changesSince } from '../datasets/trainedImages.ts';
import { checkStore } from '../teacher/store.ts';
import { studentConfig } from '../plan/studentConfig.ts';
import { checkDevice, checkLanes } from './stage/steps.ts';
import { checkLabels, withTeacherClasses } from '../datasets/unlabelled.ts';
import type { OnListing } from '../../data/listingNode.ts';
import { showPlaces } from '../../data/openDatasetNode.ts';
import { planStages, updatesIn } from '../plan/stages.ts';

export interface TrainOptions {
  /** Run folder. */
  readonly out: string;
  /** Go on from the last checkpoint in `out`; the saved configuration is used. */
  readonly resume?: boolean;
  readonly onEvent?: (event: RunEvent) => void;
  /** Saves a checkpoint and ends the run when aborted. */
  readonly signal?: AbortSignal;
  /** Called while a model is downloaded. */
  readonly onModel?: OnModel;
  /** Told how far the listing of the images is. */
  readonly onListing?: OnListing;
  /** Where to compute; evaluation runs there too. Default: cpu. */
  readonly device?: Device;
}

/**
 * Trains a student, with a teacher (distillation) or without. Writes the run folder: config.yaml, metrics.jsonl, summary.csv,
 * train.log, TensorBoard events, checkpoints/last, checkpoints/best and model/.
 * @throws UserError for whatever the user can mend; nothing is written before the inputs have been checked.
 */
export async function trainRun(input: RunInput | undefined, options: TrainOptions): Promise<RunResult> {
  const began = performance.now();
  const config = options.resume
    ? await resumedConfig(input, options.out)
    : withNames(parseConfig(runSchema, input, 'config'));
  if (options.resume) naming(join(options.out, 'config.yaml'), () => checkNames(config));
  else checkNames(config);
  const threads = config.train.threads === 'auto' ? {} : { threads: config.train.threads };
  const engine = engineFor(options.device ?? 'cpu', threads);
  checkDevice(config.train, engine);
  const parts = await withinBudget(config, engine, began, options);
  const folder = await createRunFolder(options.out, { resume: options.resume ?? false });
  try {
    const checkpoint =
      folder.checkpoint === undefined ? undefined : await checkedResume(options.out, folder.checkpoint, parts);
    const computed = computedOn(options.device ?? 'cpu', config.train.threads);
    const noted = toldOfRounding(parts, checkpoint?.progress, computed);
    const from = checkpoint && { ...checkpoint, progress: { ...checkpoint.progress, computed } };
    return await executeRun(noted, folder.path, from, { ...options, engine, computed, lock: folder.lock });
  } finally {
    await folder.lock.release();
  }
}

/** The assembled run. A budget sets its epochs, which from then on are settings like any other: a resume measures nothing. */
async function withinBudget(config: RunConfig, engine: Engine, began: number, opening: Opening): Promise<Assembled> {
  const parts = await assemble(config, opening);
  checkStages(parts);
  const { budget, epochs: given } = config.train;
  if (budget === null) return parts;
  if (given !== 'auto') return told(parts, { key: 'train.budget', value: budget, reason: 'train.epochs is set' });
  const { epochs, reason } = await epochsWithin(parts, engine, budget, began);
  const fixed = await assemble({ ...config, train: { ...config.train, epochs } });
  return told(fixed, { key: 'train.epochs', value: epochs, reason });
}

const told = (parts: Assembled, choice: Choice): Assembled => ({
  ...parts,
  settings: { ...parts.settings, choices: [choice, ...parts.settings.choices] },
});

/** A resume elsewhere, or with other threads, goes on; but perhaps not to the same bits. */
function toldOfRounding(parts: Assembled, progress: Progress | undefined, now: string): Assembled {
  const before = progress?.computed;
  const over = progress?.ended || progress?.step === parts.stages.at(-1)!.to;
  if (over || before === undefined || before === now) return parts;
  const reason = `until here ${before}, which may round otherwise: the run ends near where it would have, perhaps not at the same bits`;
  return told(parts, { key: 'computed on', value: now, reason });
}

type Opening = Pick<TrainOptions, 'onModel' | 'onListing'>;

type Assembled = RunParts & { readonly init: OwnModel | undefined };

/** Reads everything that the run needs and checks that it fits, before anything is compiled or written. */
export async function assemble(config: RunConfig, { onModel, onListing }: Opening = {}): Promise<Assembled> {
  if (config.student.init !== null) refuseOnnx(config.student.init);
  const opened = await openRunData(config, onListing);
  // The notes are told by the run itself, so that its log has them too.
  const downloads: OnModel = (event) => event.type === 'download' && onModel?.(event);
  const teacher =
    config.teacher === null
      ? undefined
      : namedByData(
          await loadModelReference(config.teacher.ref, { described: config.teacher, onModel: downloads }),
          opened.classes,
        );
  const data = withTeacherClasses(opened, teacher);
  const heads = config.student.settings.heads;
  const init =
    config.student.init === null
      ? undefined
      : trainable(
          await loadModelReference(config.student.init, {
            onModel: downloads,
            ...(typeof heads === 'number' ? { hints: { heads } } : {}),
          }),
        );
  if (init) checkInit(config, init);
  const named = init
    ? {
        ...config,
        student: {
          ...config.student,
          imageSize: config.student.imageSize === 'auto' ? init.preprocessing.imageSize : config.student.imageSize,
        },
      }
    : config;
  const shape: Record<string, unknown> = {
    ...VARIANTS[config.student.name]?.settings,
    ...init?.model,
    ...config.student.settings,
  };
  const width = typeof shape.width === 'number' ? shape.width : undefined;
  const settings = chooseSettings(named, data.facts, {
    width,
    integerLabels: takesIntegerLabels(config),
    newHead: probesByDefault(config, named.student.imageSize, data.classes, init),
  });
  const updatesPerEpoch = updatesIn(data.train.paths.length, settings.train.batch, settings.train.accumulate);
  const stages = planStages(config, settings.train.epochs, updatesPerEpoch, settings.probe);
  checkMixing(stages, settings);
  checkLanes(config.train);
  checkStore(config, settings);
  checkLabels(showPlaces(config.data.dir), data, stages, config.method);
  checkMultilabel(stages, data, teacher);
  const described = studentConfig(
    config,
    { imageSize: settings.imageSize, classes: data.classes.length },
    stages,
    teacher && describeFeatures(teacher.network),
    init?.model,
  );
  const student = buildModel(described);
  checkEarlyStop(config.train.earlyStop, {
    labelled: data.labelled,
    multilabel: data.multilabel,
    teacher: teacher !== undefined,
    ema: config.train.ema !== null,
    classes: data.classes.length,
  });
  checkNeeds(stages, student, teacher);
  if (init) initialWeights(init, student, data.classes);
  checkProbe({ config, stages, student, classes: data.classes, init });
  const { mean, std, evalCropRatio } = settings.augment;
  const preprocessing = { imageSize: settings.imageSize, mean, std, evalCropRatio };
  return { config, settings, data, teacher, student, studentConfig: described, preprocessing, stages, init };
}

/** Settings that may be new at a resume. They change no number of a run, but for the rounding of `train.threads`, which is told. */
const FREE = [
  'train.threads',
  'train.checkpointSeconds',
  'data.workers',
  'data.cache',
  'data.cacheMB',
  'data.cacheGB',
  'data.cacheDir',
  'data.cacheListing',
  'teacher.store.dir',
  'teacher.store.maxGB',
];

/** The names in place of the file that holds them: it may change before the run is gone on with. */
function withNames(config: RunConfig): RunConfig {
  const { teacher } = config;
  return teacher?.classes == null
    ? config
    : { ...config, teacher: { ...teacher, classes: givenClasses(teacher.classes) as string | string[] } };
}

/** The saved configuration; what is given again must be the same, but for `FREE`. */
async function resumedConfig(input: RunInput | undefined, out: string): Promise<RunConfig> {
  if (!existsSync(join(out, 'config.yaml')))
    throw new UserError(
      `${out}: --resume: wanted the folder of a run, got ${existsSync(out) ? 'a path without config.yaml' : 'no such folder'}. Check --out, or leave --resume out to start a new run`,
    );
  // A run from before there were linear probes has none.
  const raw = overlay({ train: { linearProbe: 0 } }, await readRunConfig(out));
  const saved = parseConfig(runSchema, raw, join(out, 'config.yaml'));
  if (input === undefined) return saved;
  const given = withNames(parseConfig(runSchema, overlay(raw, input as Settings), 'config'));
  const differing = differences(saved, given).filter(({ key }) => !FREE.includes(key));
  if (differing.length > 0) {
    const lines = differing.map(
      ({ key, before, now }) => `${key}: the run has ${JSON.stringify(before)}, got ${JSON.stringify(now)}`,
    );
    throw new UserError(
      `${out}: --resume goes on with the run's own settings:\n  ${lines.join('\n  ')}\n  Leave these out, or start a new run with another --out`,
    );
  }
  return given;
}

async function checkedResume(out: string, folder: string, parts: RunParts): Promise<Checkpoint> {
  const checkpoint = await loadCheckpoint(folder);
  const { dir, valDir } = parts.config.data;
  const { data, validation = parts.data.digests.val } = checkpoint.progress;
  const changed = async (place: string, which: 'train' | 'val') =>
    new UserError(
      `${place}: the ${which === 'train' ? 'training' : 'validation'} images changed since the checkpoint ${folder}${await changesSince(out, parts.data, which)}; put them back, or start a new run with another --out`,
    );
  if (data !== parts.data.digests.train) throw await changed(showPlaces(dir), 'train');
  if (validation !== parts.data.digests.val) throw await changed(valDir ?? showPlaces(dir), 'val');
  const held = [...checkpoint.state].filter(([name]) => name.startsWith('param.') && !name.startsWith('param.method.'));
  checkWeights(
    folder,
    modelParams(parts.student),
    new Map(held.map(([name, array]) => [name.slice('param.'.length), array])),
  );
  return checkpoint;
}
