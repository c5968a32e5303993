import { lookUp, tableOf } from './lookUp.ts';
import type { Pixels } from '../pixels.ts';

/** Bytes from `threshold` on inverted, as Pillow's ImageOps.solarize, whose default is 128. */
export function solarize(image: Pixels, threshold = 128): Pixels {
  return lookUp(
    image,
    tableOf((x) => (x < threshold ? x : 255 - x)),
  );
}

/** `amount` added to the bytes below `threshold` (timm's solarize_add). */
export function solarizeAdd(image: Pixels, amount: number, threshold = 128): Pixels {
  return lookUp(
    image,
    tableOf((x) => (x < threshold ? Math.min(255, x + amount) : x)),
  );
}
