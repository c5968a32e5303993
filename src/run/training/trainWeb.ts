import { parseConfig } from '../../config/parse.ts';
import { type RunConfig, type RunInput, runSchema } from '../../config/schema.ts';
import { overlay, type Settings } from '../../config/settings.ts';
import type { ImageSource } from '../../data/imageSource.ts';
import { DeviceLost, LOST, type OrtWeb } from '../../engine/ortWeb.ts';
import { naming, UserError } from '../../graph/errors.ts';
import type { RunFiles } from '../../host/files.ts';
import { sha256 } from '../../host/sha256.ts';
import { webHost } from '../../host/web/hostWeb.ts';
import { loadersWeb } from '../../host/web/loadersWeb.ts';
import { storedRun } from '../../host/web/storageWeb.ts';
import { type Method, withMethods } from '../../methods/index.ts';
import type { RunEvent } from '../../train/events.ts';
import type { Logger } from '../../train/loggers/logger.ts';
import { datasetOfSource, noStamps, runDataOf } from '../datasets/runDataOf.ts';
import type { ModelSource } from '../models/modelSourceWeb.ts';
import { CONFIG_FILE } from '../plan/configFile.ts';
import type { RunResult } from './course/result.ts';
import { checkNames } from './prepare/checks.ts';
import { engineForRun, type WebDevice } from './prepare/engineWeb.ts';
import { type GivenModels, openInputsWeb } from './prepare/openInputsWeb.ts';
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
  /**
   * Default: wasm. What webgpu computes first is compared with wasm, which goes on where they differ; a GPU that is lost costs the
   * steps since the last checkpoint, from which wasm goes on.
   */
  readonly device?: WebDevice;
}

export interface WebDistillOptions extends WebRunOptions {
  /** Only methods that learn from none (`uskd`) do without. */
  readonly teacher?: ModelSource;
  /** A trained model that the student starts from, with a new head where the classes differ. */
  readonly init?: ModelSource;
  /** A name of a variant; of a network of your own (`init` with an .onnx file) any name. */
  readonly student: string;
  readonly method: string | Method;
}

export interface WebTrainOptions extends WebRunOptions {
  /** As `student` of `distill`; of a run that starts from a trained model it may be left out. */
  readonly model?: string;
  readonly init?: ModelSource;
}

export type WebResumeOptions = Omit<WebRunOptions, 'out' | 'settings'> & {
  /** Of a run with a teacher whose files were given: these again. */
  readonly teacher?: ModelSource;
  /** Of a run that started from a model whose files were given, and that has no checkpoint yet or was no ONNX file: these again. */
  readonly init?: ModelSource;
};

/**
 * Distils a teacher into a new student, in a dedicated worker of a page, with the settings, methods, events and files of Node.
 * @throws UserError for whatever the caller can mend; nothing is written before the inputs have been checked.
 */
export function distillWeb({
  teacher,
  init,
  student,
  method,
  methods = [],
  ...options
}: WebDistillOptions): Promise<RunResult> {
  const own = typeof method === 'string' ? methods : [method, ...methods.filter((one) => one !== method)];
  const named = {
    student: { ...options.settings?.student, name: student, ...startOf(init) },
    ...(teacher !== undefined && {
      teacher: { ...described(options.settings), ref: refOf(teacher, options.settings) },
    }),
    method: typeof method === 'string' ? method : method.name,
  };
  return start({ ...options, methods: own, settings: { ...options.settings, ...named } }, { teacher, init });
}

/** Trains a model on labels alone. @throws UserError as `distillWeb`. */
export function trainWeb({ model, init, ...options }: WebTrainOptions): Promise<RunResult> {
  const name = model ?? options.settings?.student?.name ?? (typeof init === 'string' ? init : GIVEN);
  const student = { ...options.settings?.student, name, ...startOf(init) };
  return start({ ...options, settings: { ...options.settings, student } }, { init });
}

/** Goes on with a run from its last checkpoint, as if it had never stopped. @throws UserError where there is none. */
export async function resumeWeb(out: string, { teacher, init, ...options }: WebResumeOptions): Promise<RunResult> {
  const files = await storedRun(out);
  const { saved } = await savedConfig(files);
  return runToTheEnd(saved, files, options, { teacher: teacher ?? saved.teacher?.ref, init }, true);
}

/** The settings call a model that is a run by its name, one of files what they call it already, or `files`. */
const refOf = (model: ModelSource, settings: RunSettings | undefined): string =>
  typeof model === 'string' ? model : ((described(settings) as { ref?: string }).ref ?? GIVEN);

const startOf = (init: ModelSource | undefined): { init?: string } =>
  init === undefined ? {} : { init: typeof init === 'string' ? init : GIVEN };

/** What the settings say of the teacher besides. */
function described({ teacher }: RunSettings = {}): object {
  return typeof teacher === 'object' && teacher !== null ? teacher : {};
}

/** What `teacher.ref` and `student.init` say of a model that was given as files. */
const GIVEN = 'files';

async function start(options: WebRunOptions, models: GivenModels): Promise<RunResult> {
  const { settings = {}, data, out } = options;
  const input = overlay({ data: { dir: data.name } }, settings as Settings) as RunInput;
  const config = parseConfig(runSchema, input, 'settings');
  return runToTheEnd(config, await storedRun(out), options, models, false);
}

type Options = Omit<WebRunOptions, 'settings' | 'out'>;

/** A run; where its GPU is lost, the rest of it in WebAssembly, from the last checkpoint. */
async function runToTheEnd(
  config: RunConfig,
  files: RunFiles,
  options: Options,
  models: GivenModels,
  resume: boolean,
): Promise<RunResult> {
  if (options.device !== 'webgpu') return run(config, files, options, models, resume);
  const { loggers = [], onEvent } = options;
  // Both parts are one run to those who listen: it ends once.
  const open = loggers.map((one) => ({
    on: (event: RunEvent) => one.on(event),
    flush: () => one.flush(),
    close: async () => undefined,
  }));
  const lost = (event: RunEvent): boolean =>
    event.type === 'runEnd' && event.reason === 'failed' && String(event.summary.error).startsWith(LOST);
  const first = { ...options, loggers: open, onEvent: (event: RunEvent) => lost(event) || onEvent?.(event) };
  try {
    return await run(config, files, first as Options, models, resume);
  } catch (error) {
    if (!(error instanceof DeviceLost) || (await files.list('')).length === 0) throw error;
    const { saved } = await savedConfig(files);
    const note = `${error.message}: WebAssembly goes on from the last checkpoint`;
    return await run(saved, files, { ...options, loggers: open, device: 'wasm' }, models, true, [note]);
  } finally {
    for (const one of loggers) await one.close();
  }
}

async function run(
  config: RunConfig,
  files: RunFiles,
  { data, runtime, device = 'wasm', methods: own = [], loggers, onEvent, signal }: Options,
  models: GivenModels,
  resume: boolean,
  notes: readonly string[] = [],
): Promise<RunResult> {
  refuseForeign(config);
  const methods = withMethods([...own]);
  if (resume) naming(CONFIG_FILE, () => checkNames(config, methods));
  else checkNames(config, methods);
  const { threads } = config.train;
  const { engine, on, listen } = engineForRun(runtime, device, threads === 'auto' ? undefined : threads);
  const computed = () => `${on()}, ${threads === 'auto' ? 'the threads of the page' : `train.threads=${threads}`}`;
  const { loader, read, note, end } = await loadersWeb(data, config.data.workers);
  try {
    const host = webHost({ engine, computed, files, loader, listen });
    const images = await runDataOf(datasetOfSource(data, config.data), config, {
      size: (_, path) => read(path),
      sha256,
      stamps: noStamps,
    });
    const inputs = await openInputsWeb(config, images, models, engine, resume ? files : undefined);
    return await runOn(host, config, inputs, {
      ...{ methods, resume, notes: async () => (note === undefined ? notes : [...notes, note]) },
      ...(loggers && { loggers }),
      ...(onEvent && { onEvent }),
      ...(signal && { signal }),
    });
  } finally {
    end();
  }
}

/** Settings that a browser has nothing for. */
function refuseForeign({ data, teacher }: RunConfig): void {
  const refuse = (key: string, why: string) => new UserError(`${key}: ${why} in a browser. Leave it out`);
  if (teacher?.store.use === true) throw refuse('teacher.store.use', 'teacher outputs are not kept');
  if (data.valDir !== null) throw refuse('data.valDir', 'there are no folders');
}
