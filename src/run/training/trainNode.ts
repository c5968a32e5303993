import type { ImageSource } from '../../data/imageSource.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import type { Method, MethodName } from '../../methods/index.ts';
import type { RunEvent } from '../../train/events.ts';
import type { Logger } from '../../train/loggers/logger.ts';
import type { Device } from '../../engine/devices.ts';
import type { OnModel } from '../models/reference.ts';
import type { RunResult } from './course/result.ts';
import type { RunSettings } from './runSettings.ts';
import { type StartOptions, startRun } from './startRunNode.ts';

/** What every run takes. */
export interface RunOptions {
  /** Folder of images in class folders: root/train/<class>/* with root/val/<class>/*, or root/<class>/*. Or images of your own (`defineImages`). */
  readonly data: string | ImageSource;
  /** New or empty run folder; default: runs/<data>-<student>-<method>. */
  readonly out?: string;
  /** Any other settings, as in the config.yaml of a run: `{ train: { epochs: 20 }, methods: { kd: { tau: 4 } } }`. */
  readonly settings?: RunSettings;
  /** Methods of your own (`defineMethod`), beside the one that is trained: members of a sum, of stages. */
  readonly methods?: readonly Method[];
  /** Loggers of your own (`defineLogger`): told each event, flushed before each checkpoint, closed at the end. */
  readonly loggers?: readonly Logger[];
  /** Called with each event of the run, as it happens. */
  readonly onEvent?: (event: RunEvent) => void;
  /** Aborting saves a checkpoint and ends the run: the result's reason is `interrupted`. */
  readonly signal?: AbortSignal;
  /** Default: cpu. */
  readonly device?: Device;
  /** Called while a model (`hf:org/name`) is downloaded. */
  readonly onModel?: OnModel;
  /** Called each second while images are listed, where that takes longer. */
  readonly onListing?: OnListing;
}

export interface DistillOptions extends RunOptions {
  /**
   * A trained model: a run folder, an exported folder, a folder of transformers or timm, a .safetensors file, `hf:org/name`.
   * Only methods that learn from none (`uskd`) do without.
   */
  readonly teacher?: string;
  /** A name of `listModels`. */
  readonly student: string;
  /** A name of `listMethods`, a sum of several (`vitkd+nkd`), or a method of your own (`defineMethod`) or its name. */
  readonly method: MethodName | `${string}+${string}` | Method | (string & {});
}

/** `model` (a name of `listModels`), or `init` (a trained model to start from), or both where they agree. */
export type TrainRunOptions = RunOptions &
  ({ readonly model: string; readonly init?: string } | { readonly model?: string; readonly init: string });

export interface ResumeOptions
  extends Pick<RunOptions, 'methods' | 'loggers' | 'onEvent' | 'signal' | 'device' | 'onModel' | 'onListing'> {
  /** Of a run on images of your own: these again. */
  readonly data?: ImageSource;
}

/**
 * Distils a teacher into a new student.
 *
 * ```ts
 * const run = await distill({ data: 'photos', teacher: 'runs/teacher', student: 'vit_tiny_patch4', method: 'kd', settings: { train: { epochs: 20 } } });
 * console.log(run.out, run.best);
 * ```
 * @throws UserError for whatever the caller can mend; nothing is written before the inputs have been checked.
 */
export function distill({
  data,
  teacher,
  student,
  method,
  settings = {},
  ...options
}: DistillOptions): Promise<RunResult> {
  const named = {
    data: { ...settings.data, dir: placeOf(data) },
    student: { ...settings.student, name: student },
    ...(teacher === undefined ? {} : { teacher }),
    method: typeof method === 'string' ? method : method.name,
  };
  const own = typeof method === 'string' ? [] : [method];
  const methods = [...own, ...(options.methods ?? []).filter((one) => one !== method)];
  return startRun('distill', { ...settings, ...named }, runOptions({ ...options, methods, source: sourceOf(data) }));
}

/**
 * Trains a model on labels alone: a teacher, a baseline, or (`init`) another model further, with a new head where the classes
 * differ.
 *
 * ```ts
 * await train({ data: 'photos', model: 'resnet18', out: 'runs/teacher' });
 * await train({ data: 'flowers', init: 'runs/teacher', settings: { optim: { lr: 1e-4 } } });
 * ```
 * @throws UserError as `distill`.
 */
export function train({ data, model, init, settings = {}, ...options }: TrainRunOptions): Promise<RunResult> {
  const student = {
    ...settings.student,
    ...(model === undefined ? {} : { name: model }),
    ...(init === undefined ? {} : { init }),
  };
  return startRun(
    'train',
    { ...settings, data: { ...settings.data, dir: placeOf(data) }, student },
    runOptions({ ...options, source: sourceOf(data) }),
  );
}

/**
 * Goes on with an interrupted run from its last checkpoint, as if it had never stopped.
 *
 * ```ts
 * await resume('runs/student');
 * ```
 * @throws UserError if there is no run or no checkpoint in the folder.
 */
export function resume(out: string, { data, ...options }: ResumeOptions = {}): Promise<RunResult> {
  return startRun('train', {}, { ...options, ...(data && { source: data }), out, resume: true });
}

const sourceOf = (data: string | ImageSource): ImageSource | undefined => (typeof data === 'string' ? undefined : data);

const placeOf = (data: string | ImageSource): string => (typeof data === 'string' ? data : data.name);

function runOptions(
  options: Omit<RunOptions, 'data' | 'settings'> & { readonly source?: ImageSource | undefined },
): StartOptions {
  const { out, source, methods, loggers, onEvent, signal, device, onModel, onListing } = options;
  return {
    ...(out === undefined ? {} : { out }),
    ...(source ? { source } : {}),
    ...(methods ? { methods } : {}),
    ...(loggers ? { loggers } : {}),
    ...(onEvent ? { onEvent } : {}),
    ...(signal ? { signal } : {}),
    ...(device ? { device } : {}),
    ...(onModel ? { onModel } : {}),
    ...(onListing ? { onListing } : {}),
  };
}
