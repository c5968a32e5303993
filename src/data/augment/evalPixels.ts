import { centerCrop } from './centerCrop.ts';
import type { Pixels } from './pixels.ts';
import { resample } from './resample.ts';

/** The square that a model sees in evaluation: shorter side to size / cropRatio, bicubic, then the centre. */
export function evalPixels(image: Pixels, size: number, cropRatio: number): Pixels {
  const { resized, box } = centerCrop(image.width, image.height, size, cropRatio);
  return resample(image, resized.width, resized.height, box);
}
