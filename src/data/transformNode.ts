import sharp from 'sharp';
import type { Stream } from '../random/stream.ts';
import { centerCrop } from './augment/centerCrop.ts';
import { flipHorizontal } from './augment/flip.ts';
import { padCrop, padCropOffset } from './augment/padCrop.ts';
import type { TransformConfig } from './augment/pipeline.ts';
import { cropPixels, type Pixels } from './augment/pixels.ts';
import { randomResizedCrop } from './augment/randomResizedCrop.ts';

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
  const { resized, box } = centerCrop(image.width, image.height, size, train ? 1 : config.evalCropRatio);
  return cropPixels(await resize(image, resized.width, resized.height), box);
}

/**
 * The random part of the training transform: imageSize x imageSize pixels, a function of `random` alone. The same draws give
 * the same crop and mirroring at any image size; `zoom` is that size over the one that `padding` is meant for.
 */
export async function vary(image: Pixels, config: TransformConfig, random: Stream, zoom = 1): Promise<Pixels> {
  const { crop, flip } = config.train;
  const cropped = crop === 'none' ? image : await cropAtRandom(image, config, random, zoom);
  return random.uniform() < flip ? flipHorizontal(cropped) : cropped;
}

function cropAtRandom(image: Pixels, config: TransformConfig, random: Stream, zoom: number): Pixels | Promise<Pixels> {
  const { crop, padding, scale, ratio } = config.train;
  if (crop === 'pad') {
    const { left, top } = padCropOffset(padding, random);
    const scaled = (pixels: number) => Math.round(pixels * zoom);
    return padCrop(image, scaled(padding), scaled(left), scaled(top));
  }
  const box = randomResizedCrop(image.width, image.height, scale, ratio, random);
  return resize(cropPixels(image, box), config.imageSize, config.imageSize);
}

/** Bicubic (Catmull-Rom, antialiased) resize; the image itself when the size is already right. */
export async function resize(image: Pixels, width: number, height: number): Promise<Pixels> {
  if (image.width === width && image.height === height) return image;
  const raw = { width: image.width, height: image.height, channels: 3 } as const;
  const data = await sharp(image.data, { raw })
    .resize(width, height, { kernel: 'cubic', fit: 'fill' })
    .raw()
    .toBuffer();
  return { data, width, height };
}
