import { permutation, type Stream } from '../../../random/stream.ts';
import { brightness, colour, contrast } from './enhance.ts';
import type { Pixels } from '../pixels.ts';

const STEPS = [brightness, contrast, colour] as const;

/**
 * Brightness, contrast and saturation, each by a factor from [1 - strength, 1 + strength], in random order: torchvision's
 * ColorJitter(s, s, s), with which timm and DeiT III jitter colours (no hue).
 */
export function colourJitter(image: Pixels, strength: number, random: Stream): Pixels {
  if (strength === 0) return image;
  const order = permutation(STEPS.length, random);
  const factors = STEPS.map(() => Math.max(0, 1 - strength + 2 * strength * random.uniform()));
  return [...order].reduce((jittered, i) => STEPS[i]!(jittered, factors[i]!), image);
}
