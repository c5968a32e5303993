import type { RunConfig } from '../../config/schema.ts';
import type { ImageList } from '../../data/dataset.ts';
import { geometryOf } from '../../formats/preprocessing/geometry.ts';
import type { Preprocessing } from '../../formats/savedModel.ts';
import { UserError } from '../../graph/errors.ts';
import type { Filter } from '../../nn/resampling.ts';
import { sizeOf } from '../../graph/shape.ts';
import { emit } from '../../onnx/emit.ts';
import { listNames } from '../../graph/names.ts';
import type { FeatureName } from '../../models/index.ts';
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
  const seenAgain = data.views !== null || teacher.sees === 'original';
  if (use === true && !seenAgain)
    throw new UserError(
      'teacher.store.use: wanted data.views with it, since images that are augmented anew each epoch are never seen twice. Set data.views to a number of fixed views an image (data.views=4), or teacher.sees=original, or leave teacher.store.use at auto',
    );
  return use === 'auto' ? seenAgain : use;
}

/** How many views of each image the teacher answers for, where its outputs are kept. */
export const keptViews = ({ data, teacher }: RunConfig): number => (teacher?.sees === 'original' ? 1 : data.views!);

/** The settings that change what a teacher is shown of a fixed view anew each time; undefined where there are none. */
export function beyondViews({ teacher }: RunConfig, settings: Settings): string | undefined {
  // What is erased of the augmented image is there in the original.
  const erase = teacher?.sees === 'original' ? 0 : settings.augment.erase;
  return listed([...mixing(settings), erase > 0 && `augment.erase=${erase}`]);
}

const mixing = ({ augment: { mixProbability, mixup, cutmix } }: Settings) => [
  mixProbability > 0 && mixup > 0 && `augment.mixup=${mixup}`,
  mixProbability > 0 && cutmix > 0 && `augment.cutmix=${cutmix}`,
];

const listed = (settings: readonly (string | false)[]): string | undefined =>
  settings.filter((setting) => setting !== false).join(', ') || undefined;

/** What of an image as a whole a teacher may say once for all that augmentation makes of it. */
const OF_THE_WHOLE: readonly FeatureName[] = ['logits', 'distLogits', 'pooled', 'embedding'];

/** Refuses a teacher that sees the original for methods that read it by places, and beside images that are mixed of two. */
export function checkSees(
  { teacher }: RunConfig,
  settings: Settings,
  stages: readonly { readonly name: string; readonly reads: readonly FeatureName[] }[],
): void {
  if (teacher?.sees !== 'original') return;
  for (const { name, reads } of stages) {
    const placed = reads.filter((feature) => !OF_THE_WHOLE.includes(feature));
    if (placed.length > 0)
      throw new UserError(
        `teacher.sees: wanted a method that learns the teacher's answers as a whole for a teacher that sees the original, got ${name}, which reads its ${listNames(placed)}: these are of places, which augmentation moves. Leave teacher.sees at augmented`,
      );
  }
  const mixed = listed(mixing(settings));
  if (mixed)
    throw new UserError(
      `teacher.sees: wanted images that are not mixed for a teacher that sees the original, got ${mixed} (preset ${settings.augment.preset}). Set ${mixed.replaceAll(/=[^,]+/g, '=0')}, or teacher.sees=augmented`,
    );
}

/** Refuses, before anything is computed, to keep outputs that nothing would ever read again. */
export function checkStore(config: RunConfig, settings: Settings): void {
  const more = beyondViews(config, settings);
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
  const column = columnOf('logits', frozenProgram(network, weights, 1), evaluationView(preprocessing));
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

/** The description of an image as it is in evaluation. */
export const evaluationView = (preprocessing: Preprocessing): ViewDescription => ({
  evaluation: { ...preprocessing, geometry: geometryOf(preprocessing) },
});

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
