import { tQuantile } from './studentT.ts';

/** Differences of two runs: by pair of runs, then by image, in one order of the images. */
export type Differences = readonly ArrayLike<number>[];

/**
 * The mean difference of paired runs that answered the same images, with its 95 % interval over new seeds and new images together.
 * Images are crossed with seeds (difference = mean + seed + image + rest), so the variance of the mean is that of the seeds' means
 * over their number, plus that of the images' means over theirs, less the rest, which both hold (Searle, Casella, McCulloch:
 * Variance Components, 1992, chapter 4); degrees of freedom by Satterthwaite. A bootstrap of seeds and images has the same
 * variance, but with five seeds its percentiles are a third too narrow.
 * @returns null for fewer than two pairs or images
 */
export function intervalOverImages(differences: Differences): readonly [low: number, high: number] | null {
  const [n, m] = [differences.length, differences[0]?.length ?? 0];
  if (n < 2 || m < 2) return null;
  const seeds = differences.map(mean);
  const images = Float64Array.from({ length: m }, (_, i) => differences.reduce((sum, row) => sum + row[i]!, 0) / n);
  const middle = mean(seeds);
  const rest = restOf(differences, seeds, images) / (n * m);
  const [ofSeeds, ofImages] = [variance(seeds) / n, Math.max(variance(images), 1 / m) / m];
  const total = Math.max(ofSeeds, ofImages, ofSeeds + ofImages - rest);
  const freedom = total ** 2 / (ofSeeds ** 2 / (n - 1) + ofImages ** 2 / (m - 1));
  const half = tQuantile(0.975, Math.max(n - 1, freedom)) * Math.sqrt(total);
  return [middle - half, middle + half];
}

/** Mean square of what neither a seed's nor an image's mean explains. */
function restOf(differences: Differences, seeds: readonly number[], images: Float64Array): number {
  const middle = mean(seeds);
  let squares = 0;
  for (const [s, row] of differences.entries())
    for (let i = 0; i < images.length; i++) squares += (row[i]! - seeds[s]! - images[i]! + middle) ** 2;
  return squares / ((seeds.length - 1) * (images.length - 1));
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function variance(values: ArrayLike<number>): number {
  const middle = mean(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - middle) ** 2;
  return squares / (values.length - 1);
}
