import { parseConfig } from '../../config/parse.ts';
import { type RunConfig, type RunInput, runSchema } from '../../config/schema.ts';
import { overlay, type Settings } from '../../config/settings.ts';
import { decodeWeb } from '../../data/images/decodeWeb.ts';
import type { ImageSource } from '../../data/imageSource.ts';
import { readSource } from '../../data/readSource.ts';
import { type OrtWeb, ortWeb } from '../../engine/ortWeb.ts';
import { naming, UserError } from '../../graph/errors.ts';
import type { RunFiles } from '../../host/files.ts';
import { sha256 } from '../../host/sha256.ts';
import { webHost } from '../../host/web/hostWeb.ts';
import { storedRun } from '../../host/web/storageWeb.ts';
import { type Method, withMethods } from '../../methods/index.ts';
import type { RunEvent } from '../../train/events.ts';
import type { Logger } from '../../train/loggers/logger.ts';
import { datasetOfSource, noStamps, runDataOf } from '../datasets/runDataOf.ts';
import { namedByData } from '../models/namedByData.ts';
import { loadModelSource, type ModelSource } from '../models/modelSourceWeb.ts';
import { CONFIG_FILE } from '../plan/configFile.ts';
import type { RunResult } from './course/result.ts';
import { checkNames } from './prepare/checks.ts';
import { savedConfig } from './prepare/resume.ts';
import { runOn } from './runOn.ts';
import type { RunSettings } from './runSettings.ts';

/** What every run in a browser takes. */
export interface WebRunOptions {
  readonly data: ImageSource;
  /** Name of the run among those of this browser; a folder of the origin private file system. */
  readonly out: string;
  /** Any other settings, as in Node. */
  readonly settings?: RunSettings;
  readonly methods?: readonly Method[];
  readonly loggers?: readonly Logger[];
  readonly onEvent?: (event: RunEvent) => void;
  /** Aborting saves a checkpoint and ends the run. */
  readonly signal?: AbortSignal;
  /** The module `onnxruntime-web`, or for WebGPU `onnxruntime-web/webgpu`. */
  readonly runtime: OrtWeb;
  /** Default: wasm. */
  readonly device?: 'wasm' | 'webgpu';
}

export interface WebDistillOptions extends WebRunOptions {
  readonly teacher: ModelSource;
  readonly student: string;
  readonly method: string | Method;
}

export interface WebTrainOptions extends WebRunOptions {
  readonly model: string;
}

export type WebResumeOptions = Omit<WebRunOptions, 'out' | 'settings'> & {
  /** Of a run with a teacher whose files were given: these again. */
  readonly teacher?: ModelSource;
};

/**
 * Distils a teacher into a new student, in a dedicated worker of a page, with the settings, methods, events and files of Node.
 * @throws UserError for whatever the caller can mend; nothing is written before the inputs have been checked.
 */
export function distillWeb({
  teacher,
  student,
  method,
  methods = [],
  ...options
}: WebDistillOptions): Promise<RunResult> {
  const own = typeof method === 'string' ? methods : [method, ...methods.filter((one) => one !== method)];
  const named = {
    student: { ...options.settings?.student, name: student },
    teacher: { ref: GIVEN, ...described(options.settings), ...(typeof teacher === 'string' && { ref: teacher }) },
    method: typeof method === 'string' ? method : method.name,
  };
  return start({ ...options, methods: own, settings: { ...options.settings, ...named } }, teacher);
}

/** Trains a model on labels alone. @throws UserError as `distillWeb`. */
export function trainWeb({ model, ...options }: WebTrainOptions): Promise<RunResult> {
  const student = { ...options.settings?.student, name: model };
  return start({ ...options, settings: { ...options.settings, student } }, undefined);
}

/** Goes on with a run from its last checkpoint, as if it had never stopped. @throws UserError where there is none. */
export async function resumeWeb(out: string, { teacher, ...options }: WebResumeOptions): Promise<RunResult> {
  const files = await storedRun(out);
  const { saved } = await savedConfig(files);
  return run(saved, files, { ...options, out }, teacher ?? saved.teacher?.ref, true);
}

/** What the settings say of the teacher besides. */
function described({ teacher }: RunSettings = {}): object {
  return typeof teacher === 'object' && teacher !== null ? teacher : {};
}

/** What `teacher.ref` says of a teacher that was given as files, where the settings call it nothing else. */
const GIVEN = 'files';

async function start(options: WebRunOptions, teacher: ModelSource | undefined): Promise<RunResult> {
  const { settings = {}, data, out } = options;
  const input = overlay({ data: { dir: data.name } }, settings as Settings) as RunInput;
  const config = parseConfig(runSchema, input, 'settings');
  return run(config, await storedRun(out), options, teacher, false);
}

async function run(
  config: RunConfig,
  files: RunFiles,
  { data, runtime, device = 'wasm', methods: own = [], loggers, onEvent, signal }: Omit<WebRunOptions, 'settings'>,
  teacher: ModelSource | undefined,
  resume: boolean,
): Promise<RunResult> {
  refuseForeign(config);
  const methods = withMethods([...own]);
  if (resume) naming(CONFIG_FILE, () => checkNames(config, methods));
  else checkNames(config, methods);
  const { threads } = config.train;
  const engine = ortWeb(runtime, { device, ...(threads === 'auto' ? {} : { threads }) });
  const read = (id: string) => readSource(data, id, decodeWeb);
  const computed = `${device}, ${threads === 'auto' ? 'the threads of the page' : `train.threads=${threads}`}`;
  const host = webHost({ engine, computed, files, read });
  const images = await runDataOf(datasetOfSource(data, config.data), config, {
    size: (_, path) => read(path),
    sha256,
    stamps: noStamps,
  });
  const loaded = teacher === undefined ? undefined : namedByData(await loadModelSource(teacher), images.classes);
  return runOn(
    host,
    config,
    { data: images, teacher: loaded, init: undefined },
    {
      ...{ methods, resume },
      ...(loggers && { loggers }),
      ...(onEvent && { onEvent }),
      ...(signal && { signal }),
    },
  );
}

/** Settings that a browser has nothing for. */
function refuseForeign({ student, data, teacher }: RunConfig): void {
  const refuse = (key: string, why: string) => new UserError(`${key}: ${why} in a browser. Leave it out`);
  if (student.init !== null) throw refuse('student.init', 'models to start from are not read');
  if (teacher?.store.use === true) throw refuse('teacher.store.use', 'teacher outputs are not kept');
  if (data.valDir !== null) throw refuse('data.valDir', 'there are no folders');
}
