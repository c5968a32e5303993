import { lookUp, tableOf } from './lookUp.ts';
import type { Pixels } from '../pixels.ts';

const INVERTED = tableOf((x) => 255 - x);

/** The negative. */
export function invert(image: Pixels): Pixels {
  return lookUp(image, INVERTED);
}
