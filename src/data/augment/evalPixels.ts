import { centerCrop } from './centerCrop.ts';
import type { Pixels } from './pixels.ts';
import { resizeBicubic } from './resizeBicubic.ts';

/** The square that a model sees in evaluation: shorter side to size / cropRatio, bicubic, then the centre. */
export function evalPixels(image: Pixels, size: number, cropRatio: number): Pixels {
  const { resized, box } = centerCrop(image.width, image.height, size, cropRatio);
  return resizeBicubic(image, resized.width, resized.height, box);
}
