import type { Stream } from '../../random/stream.ts';
import { colourJitter } from '../augment/colours/colourJitter.ts';
import { evalPixels } from '../augment/evalPixels.ts';
import { flipHorizontal } from '../augment/flip.ts';
import { padCrop, padCropOffset } from '../augment/padCrop.ts';
import type { TransformConfig } from '../augment/pipeline.ts';
import { normalise } from '../augment/normalise.ts';
import type { Pixels } from '../augment/pixels.ts';
import { randAugment } from '../augment/randAugment.ts';
import { randomResizedCrop } from '../augment/randomResizedCrop.ts';
import { type Crop, resizeCrop, resizeCropTo } from '../augment/resample.ts';
import type { Planes } from '../augment/resampleVector.ts';
import { threeAugment } from '../augment/threeAugment.ts';

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
  // Training shows all that it can: the geometry of evaluation would cut off what crops are to be drawn from.
  return evalPixels(image, train ? { imageSize: size, evalCropRatio: 1, filter: config.filter } : config);
}

/**
 * The random part of the training transform: imageSize x imageSize pixels, a function of `random` alone. The same draws give
 * the same crop, mirroring and colours at any image size; `zoom` is that size over the one that lengths in pixels (`padding`, the
 * blur of 3-Augment) are meant for.
 */
export function vary(image: Pixels, config: TransformConfig, random: Stream, zoom = 1): Pixels {
  const { crop } = config.train;
  if (crop === 'randomResized')
    return recolour(resizeCrop(image, drawCrop(image, config, random)), config, random, zoom);
  const cropped = crop === 'none' ? image : shift(image, config, random, zoom);
  return recolour(random.uniform() < config.train.flip ? flipHorizontal(cropped) : cropped, config, random, zoom);
}

/** The same, normalised. A crop that nothing recolours goes from the image into the planes at once. */
export function varyTo(planes: Planes, image: Pixels, config: TransformConfig, random: Stream, zoom = 1): void {
  const { crop, randAugment: policy, threeAugment: three, colourJitter = 0 } = config.train;
  if (crop === 'randomResized' && !policy && !three && colourJitter === 0)
    resizeCropTo(planes, image, drawCrop(image, config, random));
  else normalise(vary(image, config, random, zoom), planes.table, planes.out, planes.offset);
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

function shift(image: Pixels, { train: { padding } }: TransformConfig, random: Stream, zoom: number): Pixels {
  const { left, top } = padCropOffset(padding, random);
  const scaled = (pixels: number) => Math.round(pixels * zoom);
  return padCrop(image, scaled(padding), scaled(left), scaled(top));
}

/** The draws of a random resized crop and of its mirroring, in their order. */
function drawCrop({ width, height }: Pixels, { imageSize, train, filter }: TransformConfig, random: Stream): Crop {
  const { scale, ratio, interpolation: named = 'fast', flip } = train;
  const source = randomResizedCrop(width, height, scale, ratio, random);
  const drawn = named === 'random' ? (random.uniform() < 0.5 ? 'bilinear' : 'bicubic') : named;
  const chosen = filter ?? (drawn === 'fast' ? 'bicubic' : drawn);
  return { source, side: imageSize, filter: chosen, mirror: random.uniform() < flip };
}
