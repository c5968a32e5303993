import { tCdf, tQuantile } from '../../study/tables/studentT.ts';
import type { Components } from './gain.ts';

/** So often a gain of the size asked for is to be seen where there is one. */
export const POWER = 0.8;

/** Our choice: beyond these the answer is that it cannot be had. */
const MOST = { seeds: 100, images: 10_000_000 } as const;

/** Standard error of a difference with so many seeds an arm and images, and its degrees of freedom (as `gainOf` has them). */
export function errorWith(components: Components, seeds: number, images: number): { se: number; df: number } {
  const rest = components.rest.map((each) => each / (seeds * images));
  const ofSeeds = components.seeds.map((each, i) => each / seeds + rest[i]!);
  const ofImages = components.images / images + rest[0]! + rest[1]!;
  const total = ofSeeds[0]! + ofSeeds[1]! + ofImages - rest[0]! - rest[1]!;
  const weights = (ofSeeds[0]! ** 2 + ofSeeds[1]! ** 2) / (seeds - 1) + ofImages ** 2 / (images - 1);
  return { se: Math.sqrt(total), df: Math.max(seeds - 1, total ** 2 / weights) };
}

/** How often the interval clears zero where the true gain is `gain`. */
export function powerOf(components: Components, gain: number, seeds: number, images: number): number {
  const { se, df } = errorWith(components, seeds, images);
  if (se === 0) return 1;
  return tCdf(gain / se - tQuantile(0.975, df), df);
}

export interface Needed {
  /** Validation images with the seeds that there are; null where no number of images does. */
  readonly images: number | null;
  /** Seeds an arm with the images that there are; null where no number of seeds does. */
  readonly seeds: number | null;
}

/** What it would take to see a gain in 4 of 5 times: more images, or more seeds. */
export function neededFor(gain: number, components: Components, seeds: number, images: number): Needed {
  return {
    images: least(2, MOST.images, (n) => powerOf(components, gain, seeds, n) >= POWER),
    seeds: least(2, MOST.seeds, (n) => powerOf(components, gain, n, images) >= POWER),
  };
}

/** The least number from `low` to `high` that is enough; null where none is. What is enough stays so for more. */
function least(low: number, high: number, enough: (n: number) => boolean): number | null {
  if (!enough(high)) return null;
  let [under, over] = [low - 1, high];
  while (over - under > 1) {
    const middle = Math.floor((under + over) / 2);
    if (enough(middle)) over = middle;
    else under = middle;
  }
  return over;
}
