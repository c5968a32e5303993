import { join } from 'node:path';
import { alone, type Ranks } from '../../cluster/ranks.ts';
import { parseConfig } from '../../config/parse.ts';
import { type RunConfig, type RunInput, runSchema } from '../../config/schema.ts';
import { overlay, type Settings } from '../../config/settings.ts';
import type { ImageSource } from '../../data/imageSource.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import type { Device } from '../../engine/devices.ts';
import type { HeldLock } from '../../formats/disk/lockNode.ts';
import { ort } from '../../engine/onnxRuntimeNode.ts';
import { naming } from '../../graph/errors.ts';
import { nodeFiles } from '../../host/node/filesNode.ts';
import { release } from '../../host/node/releaseNode.ts';
import { rankFiles } from '../../host/rankFiles.ts';
import { nodeHost } from '../../host/node/hostNode.ts';
import { writeReport } from '../../report/writeReportNode.ts';
import { type Method, withMethods } from '../../methods/index.ts';
import type { RunEvent } from '../../train/events.ts';
import type { Logger } from '../../train/loggers/logger.ts';
import { givenClasses } from '../models/givenClassesNode.ts';
import type { OnModel } from '../models/reference.ts';
import { seenFromHere } from '../plan/originNode.ts';
import { CONFIG_FILE } from '../plan/configFile.ts';
import { decisive } from '../plan/freeSettings.ts';
import type { RunResult } from './course/result.ts';
import type { AssembledRun } from './prepare/assemble.ts';
import { checkNames } from './prepare/checks.ts';
import { decodedForecast } from './prepare/decodedImagesNode.ts';
import { openInputs } from './prepare/openInputsNode.ts';
import { checkGivenAgain, savedConfig } from './prepare/resume.ts';
import { sameOnAll } from './prepare/sameRun.ts';
import { START_FOLDER } from './course/beginning.ts';
import { runOn } from './runOn.ts';

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
  /** Images of the caller's own, in place of `data.dir`. A resume is given them again. */
  readonly source?: ImageSource;
  /** Methods of the caller's own, which the settings may name. A resume is given them again. */
  readonly methods?: readonly Method[];
  /** Told each event, flushed before each checkpoint and closed at the end, beside the run's own logs. */
  readonly loggers?: readonly Logger[];
  /** Where to compute; evaluation runs there too. Default: cpu. */
  readonly device?: Device;
  /** A claim on the run, where processes share the work of which it is a part: who has lost it ends, and puts nothing in place. */
  readonly claim?: HeldLock | undefined;
  /** Processes that train together. Default: this one by itself. */
  readonly ranks?: Ranks | undefined;
}

/**
 * Trains a student, with a teacher (distillation) or without. Writes the run folder: config.yaml, metrics.jsonl, summary.csv,
 * train.log, TensorBoard events, checkpoints/last, checkpoints/best and model/.
 * @throws UserError for whatever the user can mend; nothing is written before the inputs have been checked.
 */
export async function trainRun(
  input: RunInput | undefined,
  {
    out,
    resume = false,
    onModel,
    onListing,
    device = 'cpu',
    methods: own = [],
    source,
    claim,
    ranks = alone(),
    ...options
  }: TrainOptions,
): Promise<RunResult> {
  const began = performance.now();
  const methods = withMethods(own);
  const config = resume ? await resumedConfig(input, out, ranks) : withNames(parseConfig(runSchema, input, 'config'));
  if (resume) naming(join(out, CONFIG_FILE), () => checkNames(config, methods));
  else checkNames(config, methods);
  const report = async () => {
    await claim?.check();
    return { latencyMs: (await writeReport([out])).runs[0]?.speed?.latency.median };
  };
  if (!ranks.alone) await sameOnAll(ranks, 'program and settings', started(config), REMEDY);
  const host = nodeHost(out, { device, threads: config.train.threads, source, covers: claim, ranks }, report);
  const seen = resume && source === undefined ? await seenFromHere(config, host.files, out) : config;
  const inputs = await openInputs(seen, {
    ...{ onModel, onListing, source },
    ...(resume ? { begun: join(out, START_FOLDER) } : {}),
  });
  const ends = [options.signal, claim?.lost].filter((signal) => signal !== undefined);
  const ended = ends.length === 0 ? {} : { signal: AbortSignal.any(ends) };
  return runOn(host, config, inputs, { ...options, ...ended, methods, resume, began, notes: decodedNotes });
}

async function decodedNotes(parts: AssembledRun): Promise<string[]> {
  const decoded = await decodedForecast(parts);
  return decoded ? [`decoded images: ${decoded.text}${decoded.remedy ? `. ${decoded.remedy}` : ''}`] : [];
}

/** The names in place of the file that holds them: it may change before the run is gone on with. */
function withNames(config: RunConfig): RunConfig {
  const { teacher } = config;
  return teacher?.classes == null
    ? config
    : { ...config, teacher: { ...teacher, classes: givenClasses(teacher.classes) as string | string[] } };
}

const REMEDY = 'Install the same release on every machine, and start all ranks with the same command';

/** What must be the same on all ranks before anything is opened. */
const started = (config: RunConfig) => ({
  ...decisive(config),
  release: release(),
  node: process.version,
  onnxruntime: ort.env.versions.node ?? ort.env.versions.common,
});

async function resumedConfig(input: RunInput | undefined, out: string, ranks: Ranks): Promise<RunConfig> {
  const { raw, saved } = await savedConfig(rankFiles(nodeFiles(out), ranks));
  if (input === undefined) return saved;
  const given = withNames(parseConfig(runSchema, overlay(raw, input as Settings), 'config'));
  checkGivenAgain(out, saved, given);
  return given;
}
