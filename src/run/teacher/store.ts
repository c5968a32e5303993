import type { RunConfig } from '../../config/schema.ts';
import type { ImageList } from '../../data/dataset.ts';
import { geometryOf } from '../../formats/preprocessing/geometry.ts';
import { UserError } from '../../graph/errors.ts';
import type { Filter } from '../../nn/resampling.ts';
import { sizeOf } from '../../graph/shape.ts';
import { emit } from '../../onnx/emit.ts';
import type { OutputKeeper, OutputsTask } from '../../host/host.ts';
import type { ColumnSpec, Outputs } from '../../store/outputs.ts';
import { frozenProgram } from '../../program/evalProgram.ts';
import type { Program } from '../../program/program.ts';
import type { Settings } from '../plan/defaults.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { type TeacherUse, teacherProgram } from './features.ts';
import { type TeacherChoice, withLogits } from './precision.ts';

/** Whether a run keeps its teacher's outputs. */
export function storeWanted({ teacher, data }: RunConfig): boolean {
  if (!teacher) return false;
  const { use } = teacher.store;
  if (use === true && data.views === null)
    throw new UserError(
      'teacher.store.use: wanted data.views with it, since images that are augmented anew each epoch are never seen twice. Set data.views to a number of fixed views an image (data.views=4), or leave teacher.store.use at auto',
    );
  return use === 'auto' ? data.views !== null : use;
}

/** The settings that change a fixed view anew each time it is shown; undefined where there are none. */
export function beyondViews({ augment: { mixProbability, mixup, cutmix, erase } }: Settings): string | undefined {
  const found = [
    mixProbability > 0 && mixup > 0 && `augment.mixup=${mixup}`,
    mixProbability > 0 && cutmix > 0 && `augment.cutmix=${cutmix}`,
    erase > 0 && `augment.erase=${erase}`,
  ].filter((setting) => setting !== false);
  return found.length > 0 ? found.join(', ') : undefined;
}

/** Refuses, before anything is computed, to keep outputs that nothing would ever read again. */
export function checkStore(config: RunConfig, settings: Settings): void {
  const more = beyondViews(settings);
  if (!storeWanted(config) || config.teacher!.store.use !== true || !more) return;
  const off = more.replaceAll(/=[^,]+/g, '=0');
  throw new UserError(
    `teacher.store.use: wanted images that look the same whenever a view is shown, got ${more} (preset ${settings.augment.preset}), drawn anew in each epoch. Set ${off}, or leave teacher.store.use at auto, which then computes the teacher in each step`,
  );
}

/** How the pixels that a teacher is shown come from an image: what an address depends on besides the program. */
export type ViewDescription = Readonly<Record<string, unknown>>;

export interface StoreTask {
  readonly keeper: OutputKeeper;
  readonly config: RunConfig;
  readonly use: TeacherUse;
  readonly choice: TeacherChoice;
  readonly names: readonly string[];
  readonly given: Parameters<typeof teacherProgram>[2];
  readonly list: ImageList;
  readonly view: ViewDescription;
  readonly warn: (message: string) => void;
}

/** Opens the columns of the features that a teacher gives on a list of images. */
export async function openOutputStore(task: StoreTask): Promise<Outputs> {
  const { keeper, config, use, choice, names, given, list, view, warn } = task;
  // For one image, so that the batch size of a run does not matter.
  const columns = names.map((name) =>
    columnOf(name, teacherProgram(use, 1, given, withLogits(names), choice.ranges, [name]), view),
  );
  return openColumns(keeper, config, { columns, list, warn });
}

/** Opens the column of what a whole network answers on evaluation images. */
export function openAnswerStore(
  keeper: OutputKeeper,
  config: RunConfig,
  { network, weights, preprocessing }: LoadedModel,
  list: ImageList,
  warn: (message: string) => void,
): Promise<Outputs> {
  const column = columnOf('logits', frozenProgram(network, weights, 1), {
    evaluation: { ...preprocessing, geometry: geometryOf(preprocessing) },
  });
  return openColumns(keeper, config, { columns: [column], list, warn });
}

function columnOf(name: string, program: Program, view: ViewDescription): ColumnSpec {
  const { shape } = program.outputs.get(name)!;
  return { name, length: sizeOf(shape), of: ['2', emit(program), JSON.stringify(view)] };
}

function openColumns(
  keeper: OutputKeeper,
  config: RunConfig,
  task: Pick<OutputsTask, 'columns' | 'list' | 'warn'>,
): Promise<Outputs> {
  const { dir, maxGB } = config.teacher!.store;
  return keeper.open({ dir, maxBytes: maxGB * 1e9, ...task });
}

/** The description of the training views, which is all that is drawn from their stream; students of all sizes share those of a random resized crop. */
export function trainingView(
  { data }: RunConfig,
  { augment, imageSize }: Settings,
  teacherSize: number,
  given: StoreTask['given'],
  filter: Filter | undefined,
): ViewDescription {
  const { crop, scale, ratio, padding, flip, interpolation, randAugment, threeAugment, colourJitter } = augment;
  const geometry =
    crop === 'randomResized'
      ? { scale, ratio, interpolation }
      : { padding: crop === 'pad' ? padding : 0, of: imageSize };
  // RandAugment fills with the student's mean colour; 3-Augment's blur is in pixels of the student's image.
  const colours =
    randAugment === null
      ? { colourJitter, threeAugment: threeAugment && imageSize }
      : { randAugment, interpolation, fill: augment.mean };
  const { mean, std } = given;
  return {
    seed: data.viewSeed,
    crop,
    ...geometry,
    flip,
    ...colours,
    size: teacherSize,
    mean,
    std,
    ...(filter && { filter }),
  };
}
