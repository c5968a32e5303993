import type { RunConfig } from '../../config/schema.ts';
import { constant, floats, input } from '../../graph/build.ts';
import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { TeacherView } from '../../data/loading/loaderShared.ts';
import type { Preprocessing } from '../../formats/savedModel.ts';
import type { FeatureName, Features } from '../../models/index.ts';
import { resizeBicubic } from '../../nn/resize.ts';
import { add, mul } from '../../ops/elementwise.ts';
import { gather } from '../../ops/gather.ts';
import { buildFrozen } from '../../program/evalProgram.ts';
import { foldBatchNorm } from '../../program/foldBatchNorm.ts';
import { closeProgram, type Program } from '../../program/program.ts';
import { quantise, type Range } from '../../program/quantise.ts';
import { namedFeatures } from '../../program/teacherPorts.ts';
import { unnamed } from '../models/unnamed.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { newHead } from '../models/newHead.ts';

/** Which picture a teacher is shown. */
export type TeacherSees = NonNullable<RunConfig['teacher']>['sees'];

/** A teacher as a stage uses it. */
export interface TeacherUse {
  readonly teacher: LoadedModel;
  /** Of the data; the teacher's logits come in their order. */
  readonly classes: readonly string[];
  /** Where the data are, for messages. */
  readonly data?: string;
  /** What the method reads of it. */
  readonly features: readonly FeatureName[];
}

/** How the pixels that it is given were normalised. */
type Normalised = Pick<Preprocessing, 'mean' | 'std'>;

/**
 * The frozen teacher's features on pixels [B,3,T,T], which are brought from their normalisation to its own. Its weights are
 * constants.
 * @throws UserError where logits are used and its classes are not the data's.
 */
export function teacherFeatures(
  { teacher, classes, features, data }: TeacherUse,
  pixels: Tensor,
  given: Normalised,
): Features {
  return frozenBuilder(teacher, given, classes, features, data)(pixels);
}

/** The same of pixels of any size, which are resized, and with its gradient to them: for images that are trained. */
export function frozenBuilder(
  model: LoadedModel,
  pixelsAre: Normalised,
  classes: readonly string[],
  wanted: readonly FeatureName[],
  data?: string,
) {
  const order = OF_CLASSES.some((name) => wanted.includes(name)) ? classOrder(model, classes, data) : undefined;
  const size = model.preprocessing.imageSize;
  return (pixels: Tensor): Features => {
    const sized = pixels.shape[2] === size && pixels.shape[3] === size ? pixels : resizeBicubic(pixels, size, size);
    const found = buildFrozen(model.network, renormalised(sized, pixelsAre, model.preprocessing), model.weights);
    if (!order) return found;
    const places = constant({ dtype: 'int64', shape: [order.length], data: order });
    const inOrder = OF_CLASSES.flatMap((name) => {
      const given = found[name];
      return given ? [[name, gather(given, places, given.shape.length - 1)] as const] : [];
    });
    return { ...found, ...Object.fromEntries(inOrder) };
  };
}

/** What a teacher says of each class, along the last axis. */
const OF_CLASSES = ['logits', 'placeLogits'] as const;

/** The port of the pixels. */
export function teacherPixels({ teacher }: TeacherUse, batch: number): Tensor {
  const size = teacher.network.imageSize;
  return input('pixels', [batch, 3, size, size]);
}

/**
 * `pixels` -> the features of these names. With ranges it computes in 8 bits; they belong to the graph of all names, of which a
 * program of some is a part. Only as deep as the names need.
 */
export function teacherProgram(
  use: TeacherUse,
  batch: number,
  given: Normalised,
  all: readonly string[],
  ranges: readonly Range[] | undefined,
  names = all,
): Program {
  const tensors = teacherTensors(use, batch, given, all);
  const made = ranges ? quantise(tensors, batch, ranges) : tensors;
  return closeProgram(new Map(names.map((name) => [name, made[all.indexOf(name)]!])));
}

export function teacherTensors(use: TeacherUse, batch: number, given: Normalised, names: readonly string[]): Tensor[] {
  const found = namedFeatures(teacherFeatures(use, teacherPixels(use, batch), given));
  return foldBatchNorm(names.map((name) => found.get(name)!));
}

/** The view that a teacher gets which has an input size of its own or sees the original; undefined where it takes the student's pixels. */
export function ownView(
  { preprocessing }: LoadedModel,
  student: Preprocessing,
  sees: TeacherSees,
): TeacherView | undefined {
  const { imageSize, mean, std, filter, evalCropRatio, geometry } = preprocessing;
  const view = { imageSize, mean, std, ...(filter && { filter }) };
  if (sees === 'original') return { ...view, original: { evalCropRatio, geometry } };
  return imageSize === student.imageSize ? undefined : view;
}

function renormalised(pixels: Tensor, given: Normalised, own: Normalised): Tensor {
  const gain = given.std.map((s, c) => s / own.std[c]!);
  const shift = given.mean.map((m, c) => (m - own.mean[c]!) / own.std[c]!);
  if (gain.every((g) => g === 1) && shift.every((s) => s === 0)) return pixels;
  return add(mul(pixels, floats([1, 3, 1, 1], gain)), floats([1, 3, 1, 1], shift));
}

/** How a teacher gets the classes of the data. */
export function fitting({ path, classes }: LoadedModel, data?: string): string {
  const name = unnamed(classes)
    ? 'name its classes, if they are these: --set teacher.classes=index (in the order of the data), or a FILE of names; else '
    : '';
  return name + newHead(path, data);
}

/** How it is distilled all the same, by methods that read no logits. */
function withoutLogits({ network }: LoadedModel): string {
  const methods = [
    ...(network.features.includes('maps') ? ['--method dearkd --set dearkd.logitKd=none'] : []),
    ...(network.features.includes('tokens') ? ['--method vitkd'] : []),
  ];
  return methods.length === 0 ? '' : `Distil its features alone (${methods.join(', ')}), or `;
}

/** For each class of the data its place among the teacher's, or undefined where the order is already the same. */
function classOrder(teacher: LoadedModel, classes: readonly string[], data?: string): number[] | undefined {
  const missing = classes.filter((name) => !teacher.classes.includes(name));
  const extra = teacher.classes.filter((name) => !classes.includes(name));
  if (missing.length > 0 || extra.length > 0) {
    const parts = [
      missing.length > 0 ? `the teacher lacks ${listNames(missing)}` : '',
      extra.length > 0 ? `the data lacks ${listNames(extra)}` : '',
    ];
    const remedy = `${withoutLogits(teacher)}${fitting(teacher, data)}. Or this run fits a head, if these are not the same classes by other names: --set teacher.fitHead=ridge`;
    throw new UserError(
      `teacher ${teacher.path}: its classes differ from the data's: ${parts.filter(Boolean).join('; ')}. ${remedy[0]!.toUpperCase()}${remedy.slice(1)}`,
    );
  }
  const order = classes.map((name) => teacher.classes.indexOf(name));
  return order.every((at, i) => at === i) ? undefined : order;
}
