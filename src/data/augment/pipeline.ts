import type { Geometry } from '../../formats/preprocessing/geometry.ts';
import type { Filter } from '../../nn/resampling.ts';
import type { Interpolation } from './affine.ts';
import type { RandAugmentConfig } from './randAugmentConfig.ts';

/**
 * What happens to an image between its file and the batch, as plain data: it is saved with the run and copied to the
 * workers.
 */
export interface TransformConfig {
  /** Side of the square the model sees, in pixels. */
  readonly imageSize: number;
  /** Per channel R, G, B, for pixels in 0..1. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly train: TrainTransform;
  /**
   * Part of the resized shorter side that the evaluation crop keeps. Not used for an image that is exactly
   * imageSize x imageSize when `train.crop` is 'pad' or 'none': such an image is never resampled.
   */
  readonly evalCropRatio: number;
  /** Of evaluation, where a model has another one than this ratio says; it wins over it. */
  readonly geometry?: Geometry | undefined;
  /** Of evaluation's resizes, bicubic unless told; in training it wins over `train.interpolation`. */
  readonly filter?: Filter | undefined;
}

export interface TrainTransform {
  /**
   * 'randomResized': Inception crop. 'pad': shift by up to `padding` pixels over black. 'none': the image as it is.
   * Our choice: 'pad' and 'none' first bring an image of another size to imageSize by resizing its shorter side and
   * cutting the centre.
   */
  readonly crop: 'randomResized' | 'pad' | 'none';
  /** Area of a 'randomResized' crop as a fraction of the image: [low, high]. */
  readonly scale: readonly [number, number];
  /** Width / height of a 'randomResized' crop: [low, high]. */
  readonly ratio: readonly [number, number];
  /** Pixels on each side for 'pad'. */
  readonly padding: number;
  /** Probability of a left-right mirror. */
  readonly flip: number;
  /**
   * How a 'randomResized' crop is brought to size, by Pillow's numbers: 'random' draws bicubic or bilinear for each image (timm).
   * 'fast', where it is left out, is 'bicubic' by its older name.
   */
  readonly interpolation?: 'fast' | Interpolation | 'random';
  readonly randAugment?: RandAugmentConfig | null;
  /** DeiT III's grey, solarise or blur. */
  readonly threeAugment?: boolean;
  /** Strength of brightness, contrast and saturation; not used beside `randAugment`, as in timm. */
  readonly colourJitter?: number;
  /** Probability of random erasing. */
  readonly erase?: number;
}

/** ImageNet's mean and deviation (torchvision's pretrained models). */
export const imagenetMean = [0.485, 0.456, 0.406] as const;
export const imagenetStd = [0.229, 0.224, 0.225] as const;

/** The usual recipe for photographs: Inception crop, mirror, 0.875 central crop in evaluation. */
export function photoTransform(imageSize: number): TransformConfig {
  const train = { crop: 'randomResized', scale: [0.08, 1], ratio: [3 / 4, 4 / 3], padding: 0, flip: 0.5 } as const;
  return { imageSize, mean: imagenetMean, std: imagenetStd, train, evalCropRatio: 0.875 };
}

/** For small images that are already imageSize x imageSize: shift by 4 px, mirror, whole image in evaluation. */
export function smallTransform(imageSize: number): TransformConfig {
  const photo = photoTransform(imageSize);
  return { ...photo, train: { ...photo.train, crop: 'pad', padding: 4 }, evalCropRatio: 1 };
}
