import type { Filter } from '../../nn/resampling.ts';
import { centerCrop } from './centerCrop.ts';
import type { Pixels } from './pixels.ts';
import { resample } from './resample.ts';

/** The square that a model sees in evaluation: shorter side to size / cropRatio, then the centre. */
export function evalPixels(image: Pixels, size: number, cropRatio: number, filter: Filter = 'bicubic'): Pixels {
  const { resized, box } = centerCrop(image.width, image.height, size, cropRatio);
  return resample(image, resized.width, resized.height, box, filter);
}
