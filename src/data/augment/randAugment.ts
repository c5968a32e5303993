import type { Stream } from '../../random/stream.ts';
import {
  affine,
  type Fill,
  type Interpolation,
  type Matrix,
  rotation,
  shearX,
  shearY,
  translateX,
  translateY,
} from './affine.ts';
import { autoContrast } from './colours/autoContrast.ts';
import { brightness, colour, contrast, sharpness } from './colours/enhance.ts';
import { equalize } from './colours/equalize.ts';
import { invert } from './colours/invert.ts';
import type { Pixels } from './pixels.ts';
import { posterize } from './colours/posterize.ts';
import type { RandAugmentConfig } from './randAugmentConfig.ts';
import { solarize, solarizeAdd } from './colours/solarize.ts';

/** What an operation needs besides the image: 0..10, a sign, and how geometry is resampled. */
export interface Draw {
  readonly level: number;
  readonly sign: 1 | -1;
  readonly interpolation: Interpolation;
  readonly fill: Fill;
}

const moved = (image: Pixels, matrix: Matrix, { interpolation, fill }: Draw): Pixels =>
  affine(image, matrix, interpolation, fill);

/** 1 +- 0.9 at level 10, not below 0.1. */
const enhancement = ({ level, sign }: Draw): number => Math.max(0.1, 1 + sign * (level / 10) * 0.9);

/** timm's "increasing" operations (auto_augment.py): a higher level always departs further from the image. */
export const OPERATIONS: Readonly<Record<string, (image: Pixels, draw: Draw) => Pixels>> = {
  autoContrast: (image) => autoContrast(image),
  equalize: (image) => equalize(image),
  invert: (image) => invert(image),
  rotate: (image, draw) => moved(image, rotation(draw.sign * draw.level * 3, image.width, image.height), draw),
  posterize: (image, { level }) => posterize(image, 4 - Math.trunc((level / 10) * 4)),
  solarize: (image, { level }) => solarize(image, 256 - Math.trunc((level / 10) * 256)),
  solarizeAdd: (image, { level }) => solarizeAdd(image, Math.min(128, Math.trunc((level / 10) * 110))),
  colour: (image, draw) => colour(image, enhancement(draw)),
  contrast: (image, draw) => contrast(image, enhancement(draw)),
  brightness: (image, draw) => brightness(image, enhancement(draw)),
  sharpness: (image, draw) => sharpness(image, enhancement(draw)),
  shearX: (image, draw) => moved(image, shearX(draw.sign * draw.level * 0.03), draw),
  shearY: (image, draw) => moved(image, shearY(draw.sign * draw.level * 0.03), draw),
  translateX: (image, draw) => moved(image, translateX(draw.sign * draw.level * 0.045 * image.width), draw),
  translateY: (image, draw) => moved(image, translateY(draw.sign * draw.level * 0.045 * image.height), draw),
};

const NAMES = Object.keys(OPERATIONS);

/**
 * RandAugment (Cubuk et al., arXiv 1909.13719) as timm has it: `layers` operations drawn with repetition, each applied with
 * `probability` at a level drawn about `magnitude`.
 * @param interpolation of the geometry; `random` draws bilinear or bicubic for each operation
 */
export function randAugment(
  image: Pixels,
  { layers, magnitude, deviation, largest, probability }: RandAugmentConfig,
  interpolation: Interpolation | 'random',
  fill: Fill,
  random: Stream,
): Pixels {
  const chosen = Array.from({ length: layers }, () => NAMES[random.below(NAMES.length)]!);
  return chosen.reduce((before, name) => {
    if (random.uniform() >= probability) return before;
    const noisy =
      deviation === Number.POSITIVE_INFINITY ? magnitude * random.uniform() : magnitude + deviation * random.normal();
    return OPERATIONS[name]!(before, {
      level: Math.min(largest, Math.max(0, noisy)),
      sign: random.uniform() < 0.5 ? -1 : 1,
      interpolation: interpolation === 'random' ? (random.uniform() < 0.5 ? 'bilinear' : 'bicubic') : interpolation,
      fill,
    });
  }, image);
}
