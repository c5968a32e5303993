import { drawMix, type Mix, mixRows, scaledMix } from '../augment/mix.ts';
import type { LoadedBatch, LoaderOptions } from './loader.ts';
import type { BatchArrays } from './rows.ts';
import type { Position } from './sampler.ts';

/** Arrays of so many rows; default: those of a batch. */
export function emptyRows(
  { batch, transform: { imageSize }, teacherView }: Pick<LoaderOptions, 'batch' | 'transform' | 'teacherView'>,
  rows = batch,
): BatchArrays {
  return {
    images: new Float32Array(rows * 3 * imageSize ** 2),
    labels: new Int32Array(rows),
    indices: new Int32Array(rows),
    valid: new Uint8Array(rows),
    views: new Int32Array(rows),
    ...(teacherView && { teacherImages: new Float32Array(rows * 3 * teacherView.imageSize ** 2) }),
  };
}

/** A made batch, mixed. */
export function madeBatch(arrays: BatchArrays, position: Position, options: LoaderOptions): LoadedBatch {
  const { list, batch, seed, transform, teacherView, mix: mixing } = options;
  const { imageSize } = transform;
  const mix = mixing && drawMix(mixing, imageSize, seed, position.epoch, position.step);
  const { teacherImages, ...rest } = arrays;
  const { indices, valid } = rest;
  return {
    ...position,
    ...rest,
    images: mixed(rest.images, batch, imageSize, mix, 1),
    ...(teacherImages && {
      teacherImages: mixed(teacherImages, batch, teacherView!.imageSize, mix, teacherView!.imageSize / imageSize),
    }),
    ...(list.sets && { sets: Array.from(indices, (index) => list.sets![index] ?? []) }),
    count: valid.reduce((sum, x) => sum + x, 0),
    own: mix?.own ?? 1,
    waitSeconds: 0,
    release: () => undefined,
  };
}

function mixed(images: Float32Array, batch: number, size: number, mix: Mix | undefined, zoom: number): Float32Array {
  if (!mix) return images;
  const out = new Float32Array(images.length);
  mixRows(images, out, batch, size, scaledMix(mix, zoom));
  return out;
}
