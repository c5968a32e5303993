import sharp from 'sharp';
import type { Stream } from '../random/stream.ts';
import { evalPixels } from './augment/evalPixels.ts';
import { flipHorizontal } from './augment/flip.ts';
import { padCrop, padCropOffset } from './augment/padCrop.ts';
import type { TransformConfig } from './augment/pipeline.ts';
import { cropPixels, type Pixels } from './augment/pixels.ts';
import { randomResizedCrop } from './augment/randomResizedCrop.ts';
import { resizeBicubic } from './augment/resizeBicubic.ts';

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
  return evalPixels(image, size, train ? 1 : config.evalCropRatio);
}

/** The random part of the training transform: imageSize x imageSize pixels, a function of `random` alone. */
export async function vary(image: Pixels, config: TransformConfig, random: Stream): Promise<Pixels> {
  const { crop, flip } = config.train;
  const cropped = crop === 'none' ? image : await cropAtRandom(image, config, random);
  return random.uniform() < flip ? flipHorizontal(cropped) : cropped;
}

function cropAtRandom(image: Pixels, config: TransformConfig, random: Stream): Pixels | Promise<Pixels> {
  const { crop, padding, scale, ratio } = config.train;
  if (crop === 'pad') {
    const { left, top } = padCropOffset(padding, random);
    return padCrop(image, padding, left, top);
  }
  const box = randomResizedCrop(image.width, image.height, scale, ratio, random);
  return resize(cropPixels(image, box), config.imageSize, config.imageSize);
}

/**
 * Bicubic resize of random crops; the image itself when the size is already right. sharp is two or three times as fast where
 * an image shrinks, and within a grey level. Where it grows, sharp samples half a pixel off, so our own code does it.
 */
export async function resize(image: Pixels, width: number, height: number): Promise<Pixels> {
  if (image.width === width && image.height === height) return image;
  if (width > image.width || height > image.height)
    return resizeBicubic(image, width, height, { left: 0, top: 0, width, height });
  const raw = { width: image.width, height: image.height, channels: 3 } as const;
  const data = await sharp(image.data, { raw })
    .resize(width, height, { kernel: 'cubic', fit: 'fill' })
    .raw()
    .toBuffer();
  return { data, width, height };
}
