import type { Stream } from '../../random/stream.ts';
import { gaussianBlur } from './colours/gaussianBlur.ts';
import { grey } from './colours/grey.ts';
import type { Pixels } from './pixels.ts';
import { solarize } from './colours/solarize.ts';

/**
 * 3-Augment (DeiT III, arXiv 2204.07118, section 4; github.com/facebookresearch/deit, augment.py): grey, solarised at 128 or
 * blurred with a deviation of 0.1 to 2 px, one of the three with equal chances. The colour jitter comes after it.
 * `zoom` is the image's size over the one that the blur is meant for.
 */
export function threeAugment(image: Pixels, random: Stream, zoom = 1): Pixels {
  const which = random.below(3);
  if (which === 0) return grey(image);
  if (which === 1) return solarize(image);
  return gaussianBlur(image, zoom * (0.1 + 1.9 * random.uniform()));
}
