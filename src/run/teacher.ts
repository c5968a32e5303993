import { constant } from '../graph/build.ts';
import { UserError } from '../graph/errors.ts';
import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { FeatureName, Features } from '../models/index.ts';
import { resizeBicubic } from '../nn/resize.ts';
import { add, mul, stopGradient } from '../ops/elementwise.ts';
import { gather } from '../ops/gather.ts';
import { buildFrozen } from '../program/evalProgram.ts';
import type { Preprocessing } from '../formats/modelFolderNode.ts';
import type { LoadedModel } from './modelReference.ts';

/**
 * The frozen teacher's features on the student's pixels: undone from the student's normalisation, redone with the teacher's,
 * resized to the teacher's input where that differs. Its weights are constants and no gradient reaches them. Its logits come
 * in the order of `classes`.
 */
export function teacherBuilder(
  teacher: LoadedModel,
  student: Preprocessing,
  classes: readonly string[],
  wanted: readonly FeatureName[],
) {
  const build = frozenBuilder(teacher, student, classes, wanted);
  return (pixels: Tensor): Features => stopAll(build(pixels));
}

/** The same with its gradient to the pixels, for images that are trained. */
export function frozenBuilder(
  model: LoadedModel,
  pixelsAre: Preprocessing,
  classes: readonly string[],
  wanted: readonly FeatureName[],
) {
  const order = wanted.includes('logits') ? classOrder(model, classes) : undefined;
  return (pixels: Tensor): Features => {
    const seen = teacherPixels(pixels, pixelsAre, model.preprocessing);
    const features = buildFrozen(model.network, seen, model.weights);
    const logits = order
      ? gather(features.logits, constant({ dtype: 'int64', shape: [order.length], data: order }), 1)
      : features.logits;
    return { ...features, logits };
  };
}

function teacherPixels(pixels: Tensor, student: Preprocessing, teacher: Preprocessing): Tensor {
  const size = teacher.imageSize;
  const sized = pixels.shape[2] === size && pixels.shape[3] === size ? pixels : resizeBicubic(pixels, size, size);
  const gain = student.std.map((s, c) => s / teacher.std[c]!);
  const shift = student.mean.map((m, c) => (m - teacher.mean[c]!) / teacher.std[c]!);
  if (gain.every((g) => g === 1) && shift.every((s) => s === 0)) return sized;
  return add(mul(sized, floats([1, 3, 1, 1], gain)), floats([1, 3, 1, 1], shift));
}

/** For each class of the data its place among the teacher's, or undefined where the order is already the same. */
function classOrder(teacher: LoadedModel, classes: readonly string[]): number[] | undefined {
  const missing = classes.filter((name) => !teacher.classes.includes(name));
  const extra = teacher.classes.filter((name) => !classes.includes(name));
  if (missing.length > 0 || extra.length > 0) {
    const list = (names: readonly string[]) =>
      names.length > 8 ? `${names.slice(0, 8).join(', ')}, ... (${names.length})` : names.join(', ');
    const parts = [
      missing.length > 0 ? `the teacher lacks ${list(missing)}` : '',
      extra.length > 0 ? `the data lacks ${list(extra)}` : '',
    ];
    throw new UserError(
      `teacher ${teacher.path}: its classes differ from the data's: ${parts.filter(Boolean).join('; ')}. Distil features only (--set methods.dearkd.logitKd=none), or first fit the teacher to your classes: understudy train --data DIR --init ${teacher.path}`,
    );
  }
  const order = classes.map((name) => teacher.classes.indexOf(name));
  return order.every((at, i) => at === i) ? undefined : order;
}

function stopAll(features: Features): Features {
  const stop = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(stop);
    if (value !== null && typeof value === 'object') {
      if ('node' in value) return stopGradient(value as Tensor);
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, stop(inner)]));
    }
    return value;
  };
  return stop(features) as Features;
}
