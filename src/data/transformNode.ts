import type { Filter } from '../nn/resampling.ts';
import type { Stream } from '../random/stream.ts';
import { colourJitter } from './augment/colourJitter.ts';
import { evalPixels } from './augment/evalPixels.ts';
import { flipHorizontal } from './augment/flip.ts';
import { padCrop, padCropOffset } from './augment/padCrop.ts';
import type { TransformConfig } from './augment/pipeline.ts';
import { cropPixels, type Pixels } from './augment/pixels.ts';
import { randAugment } from './augment/randAugment.ts';
import { randomResizedCrop } from './augment/randomResizedCrop.ts';
import { resample } from './augment/resample.ts';
import { threeAugment } from './augment/threeAugment.ts';

/**
 * The part of the transform that is the same every epoch, so its result can be kept: in evaluation everything up to
 * imageSize x imageSize pixels, in training the resize that 'pad' and 'none' need. 'randomResized' keeps the source.
 */
export async function prepare(image: Pixels, config: TransformConfig, train: boolean): Promise<Pixels> {
  const { crop } = config.train;
  const size = config.imageSize;
  if (train && crop === 'randomResized') return image;
  const exact = image.width === size && image.height === size;
  if (train && exact) return image;
  return evalPixels(image, size, train ? 1 : config.evalCropRatio, config.filter);
}

/**
 * The random part of the training transform: imageSize x imageSize pixels, a function of `random` alone. The same draws give
 * the same crop, mirroring and colours at any image size; `zoom` is that size over the one that lengths in pixels (`padding`, the
 * blur of 3-Augment) are meant for.
 */
export async function vary(image: Pixels, config: TransformConfig, random: Stream, zoom = 1): Promise<Pixels> {
  const { crop, flip } = config.train;
  const cropped = crop === 'none' ? image : cropAtRandom(image, config, random, zoom);
  return recolour(random.uniform() < flip ? flipHorizontal(cropped) : cropped, config, random, zoom);
}

/** What the recipes do after crop and mirror, on bytes. Geometry shows the mean colour where the image ends (timm). */
function recolour(image: Pixels, { mean, train }: TransformConfig, random: Stream, zoom: number): Pixels {
  const { randAugment: policy, threeAugment: three, colourJitter: strength = 0, interpolation = 'fast' } = train;
  if (policy) {
    const fill = mean.map((x) => Math.min(255, Math.round(255 * x))) as [number, number, number];
    return randAugment(image, policy, interpolation === 'fast' ? 'bicubic' : interpolation, fill, random);
  }
  return colourJitter(three ? threeAugment(image, random, zoom) : image, strength, random);
}

function cropAtRandom(image: Pixels, config: TransformConfig, random: Stream, zoom: number): Pixels {
  const { crop, padding, scale, ratio, interpolation = 'fast' } = config.train;
  if (crop === 'pad') {
    const { left, top } = padCropOffset(padding, random);
    const scaled = (pixels: number) => Math.round(pixels * zoom);
    return padCrop(image, scaled(padding), scaled(left), scaled(top));
  }
  const box = randomResizedCrop(image.width, image.height, scale, ratio, random);
  const [cropped, size] = [cropPixels(image, box), config.imageSize];
  const chosen = interpolation === 'fast' ? 'bicubic' : interpolation;
  // Drawn in any case, so that what comes after it is the same for all.
  const drawn = chosen === 'random' ? (random.uniform() < 0.5 ? 'bilinear' : 'bicubic') : chosen;
  return resize(cropped, size, size, config.filter ?? drawn);
}

/** Resize of random crops; the image itself when the size is already right. */
export function resize(image: Pixels, width: number, height: number, filter: Filter = 'bicubic'): Pixels {
  if (image.width === width && image.height === height) return image;
  return resample(image, width, height, undefined, filter);
}
