import { lookUp, tableOf } from './lookUp.ts';
import type { Pixels } from '../pixels.ts';

/** The upper `bits` of each byte, as Pillow's ImageOps.posterize; 8 and more leave the image alone. */
export function posterize(image: Pixels, bits: number): Pixels {
  if (bits >= 8) return image;
  const mask = 256 - 2 ** (8 - bits);
  return lookUp(
    image,
    tableOf((x) => x & mask),
  );
}
