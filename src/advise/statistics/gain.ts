import { tQuantile } from '../../study/tables/studentT.ts';

/** How right one arm is: by seed, then by image, in one order for all arms. 0 to 1; NaN where an image could not be read. */
export type Scores = readonly ArrayLike<number>[];

/** Where the difference of two arms comes from, as variances; of two numbers the first is the arm's, the second its rival's. */
export interface Components {
  /** Of a seed's mean over all images that there could be. */
  readonly seeds: readonly [number, number];
  /** Of an image's difference over all seeds that there could be. */
  readonly images: number;
  /** Of a single answer besides. */
  readonly rest: readonly [number, number];
}

/** What one arm has over another, in shares (0.01 is a point). */
export interface Gain {
  readonly gain: number;
  /** 95 % interval over seeds and images; null where an arm has fewer than two seeds. */
  readonly interval: readonly [low: number, high: number] | null;
  /** Its standard error and the degrees of freedom of that; null as the interval. */
  readonly error: { readonly se: number; readonly df: number } | null;
  readonly components: Components | null;
  readonly seeds: readonly [number, number];
  readonly images: number;
}

export const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

export function variance(values: ArrayLike<number>): number {
  const middle = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - middle) ** 2;
  return sum / (values.length - 1);
}

/**
 * The mean difference of two arms that answered the same images, and its interval over new seeds and new images alike. Images are
 * crossed with seeds (score = arm + seed + image + rest): the variance of the difference is the seeds' part of either arm, plus that
 * of the images' paired differences, less the rest, which both of them hold; its degrees of freedom are Satterthwaite's.
 * Our choice: seeds are not paired. Two arms with one seed share little but a number, pairs have half the degrees of freedom, and
 * what is shared would only narrow the interval.
 */
export function gainOf(arm: Scores, rival: Scores): Gain {
  const read = readable([...arm, ...rival]);
  const [mine, other] = [summarise(arm, read), summarise(rival, read)];
  const seeds = [arm.length, rival.length] as const;
  const gain = mean(mine.seeds) - mean(other.seeds);
  const images = read.length;
  if (seeds[0] < 2 || seeds[1] < 2 || images < 2)
    return { gain, interval: null, error: null, components: null, seeds, images };
  const components = componentsOf(mine, other, images);
  const error = errorOf(mine, other, images);
  const half = tQuantile(0.975, error.df) * error.se;
  return { gain, interval: [gain - half, gain + half], error, components, seeds, images };
}

/** The images that every run answered. */
function readable(runs: Scores): number[] {
  const count = runs[0]?.length ?? 0;
  return Array.from({ length: count }, (_, i) => i).filter((i) => runs.every((run) => !Number.isNaN(run[i]!)));
}

interface Summary {
  /** Means by seed, over the images. */
  readonly seeds: readonly number[];
  /** Means by image, over the seeds. */
  readonly images: Float64Array;
  /** Mean square of what is left of single answers. */
  readonly rest: number;
}

function summarise(runs: Scores, read: readonly number[]): Summary {
  const rows = runs.map((run) => Float64Array.from(read, (i) => run[i]!));
  const seeds = rows.map(mean);
  const images = Float64Array.from(read, (_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
  const all = mean(seeds);
  let squares = 0;
  for (const [s, row] of rows.entries())
    for (const [i, value] of row.entries()) squares += (value - seeds[s]! - images[i]! + all) ** 2;
  const freedom = (rows.length - 1) * (read.length - 1);
  return { seeds, images, rest: freedom > 0 ? squares / freedom : 0 };
}

/** Of the images' differences; at least what one image that differs gives: that none of a few does proves no equality. Our choice. */
const ofDifferences = (mine: Summary, other: Summary, images: number): number =>
  Math.max(1 / images, variance(mine.images.map((value, i) => value - other.images[i]!)));

function errorOf(mine: Summary, other: Summary, images: number): { se: number; df: number } {
  const sides = [mine, other].map(({ seeds, rest }) => ({
    part: variance(seeds) / seeds.length,
    df: seeds.length - 1,
    rest: rest / (seeds.length * images),
  }));
  const ofImages = ofDifferences(mine, other, images) / images;
  const ofSeeds = sides.reduce((sum, { part }) => sum + part, 0);
  const twice = sides.reduce((sum, { rest }) => sum + rest, 0);
  // Where seeds seem to differ less than chance alone would have it, the rest must not eat the images' part.
  const total = Math.max(ofImages, ofSeeds, ofImages + ofSeeds - twice);
  const weights = sides.reduce((sum, { part, df }) => sum + part ** 2 / df, ofImages ** 2 / (images - 1));
  // Fewer than the least side has would be an artefact of the subtraction.
  return { se: Math.sqrt(total), df: Math.max(Math.min(sides[0]!.df, sides[1]!.df), total ** 2 / weights) };
}

function componentsOf(mine: Summary, other: Summary, images: number): Components {
  const ofSeeds = ({ seeds, rest }: Summary) => Math.max(0, variance(seeds) - rest / images);
  const shared = mine.rest / mine.seeds.length + other.rest / other.seeds.length;
  return {
    seeds: [ofSeeds(mine), ofSeeds(other)],
    images: Math.max(0, ofDifferences(mine, other, images) - shared),
    rest: [mine.rest, other.rest],
  };
}
