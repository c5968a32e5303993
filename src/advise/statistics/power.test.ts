import { expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { type Components, gainOf } from './gain.ts';
import { errorWith, neededFor, POWER, powerOf } from './power.ts';
import { normal } from './synthetic.ts';

const COMPONENTS: Components = { seeds: [1.5e-4, 1e-4], images: 0.05, rest: [0.06, 0.04] };
const GAIN = 0.03;
const IMAGES = 1000;

/** Scores of the components' model: arm + seed + image + rest, all normal. */
function table(key: number, gain: number, seeds: number, images: number) {
  const random = stream('power', key, seeds, images);
  const { seeds: ofSeeds, images: ofImages, rest } = COMPONENTS;
  const differences = Float64Array.from({ length: images }, () => Math.sqrt(ofImages) * normal(random));
  const runs = (arm: 0 | 1) =>
    Array.from({ length: seeds }, () => {
      const skill = (arm === 0 ? gain : 0) + Math.sqrt(ofSeeds[arm]) * normal(random);
      return differences.map((own) => skill + (arm === 0 ? own : 0) + Math.sqrt(rest[arm]) * normal(random));
    });
  return gainOf(runs(0), runs(1));
}

/** How often the interval of a true gain clears zero. */
function seen(seeds: number, images: number, tables: number): number {
  let count = 0;
  for (let key = 0; key < tables; key++) if (table(key, GAIN, seeds, images).interval![0] > 0) count++;
  return count / tables;
}

it('a gain is seen as often as the power figure says', () => {
  const tables = 300;
  const needed = neededFor(GAIN, COMPONENTS, 5, IMAGES);
  const chance = 3 * Math.sqrt((POWER * (1 - POWER)) / tables);
  for (const [seeds, images] of [
    [5, needed.images!],
    [needed.seeds!, IMAGES],
  ] as const) {
    const share = seen(seeds, images, tables);
    expect(Math.abs(share - POWER), `${seeds} seeds, ${images} images`).toBeLessThan(chance + 0.02);
    // The figure is the least that is enough.
    expect(powerOf(COMPONENTS, GAIN, seeds, images)).toBeGreaterThanOrEqual(POWER);
  }
  expect(powerOf(COMPONENTS, GAIN, 5, needed.images! - 1)).toBeLessThan(POWER);
  expect(powerOf(COMPONENTS, GAIN, needed.seeds! - 1, IMAGES)).toBeLessThan(POWER);
});

it('foresees the error that a table then has, and finds the components again', () => {
  const tables = Array.from({ length: 200 }, (_, key) => table(key, 0, 5, 300));
  const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const squares = average(tables.map(({ gain }) => gain ** 2));
  const { se } = errorWith(COMPONENTS, 5, 300);
  expect(squares / se ** 2).toBeGreaterThan(0.7);
  expect(squares / se ** 2).toBeLessThan(1.35);
  const found = tables.map(({ components }) => components!);
  expect(average(found.map(({ images }) => images)) / COMPONENTS.images).toBeCloseTo(1, 1);
  expect(average(found.map(({ rest }) => rest[0])) / COMPONENTS.rest[0]).toBeCloseTo(1, 1);
  // Never below 0, so a little too large in the mean: the safe side.
  const ofSeeds = average(found.map(({ seeds }) => seeds[0])) / COMPONENTS.seeds[0];
  expect(ofSeeds).toBeGreaterThan(0.9);
  expect(ofSeeds).toBeLessThan(1.6);
});

it('says where more of one alone does not do', () => {
  const seedsAlone = { seeds: [0.01, 0.01], images: 0, rest: [0, 0] } as const;
  expect(neededFor(0.01, seedsAlone, 3, 1000).images).toBeNull();
  const imagesAlone = { seeds: [0, 0], images: 1, rest: [0, 0] } as const;
  expect(neededFor(0.01, imagesAlone, 3, 1000).seeds).toBeNull();
});
