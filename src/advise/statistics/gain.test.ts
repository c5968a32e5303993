import { describe, expect, it } from 'vitest';
import { tQuantile } from '../../study/tables/studentT.ts';
import { gainOf } from './gain.ts';
import { SyntheticImages, trueShare, type World } from './synthetic.ts';

describe('gainOf', () => {
  it('is exact on a small table', () => {
    // Two seeds, four images; means .5 and .75 against .25 and .5.
    const found = gainOf(
      [
        [1, 1, 0, 0],
        [1, 1, 1, 0],
      ],
      [
        [1, 0, 0, 0],
        [1, 0, 0, 1],
      ],
    );
    expect(found.gain).toBeCloseTo(0.25, 12);
    // Either arm: variance of its means 1/32, half of it over two seeds; one free answer of each arm is half of a square: 3 x 1/24.
    const [ofSeeds, rest] = [2 * (1 / 32 / 2), 2 * (0.125 / (2 * 4))];
    // Differences by image: 0, 1, .5, -.5; their variance 5/12.
    const ofImages = 5 / 12 / 4;
    expect(found.error!.se ** 2).toBeCloseTo(ofSeeds + ofImages - rest, 12);
    const df = (ofSeeds + ofImages - rest) ** 2 / (2 * (1 / 64) ** 2 + ofImages ** 2 / 3);
    expect(found.error!.df).toBeCloseTo(df, 12);
    const half = tQuantile(0.975, df) * found.error!.se;
    expect(found.interval![0]).toBeCloseTo(0.25 - half, 12);
    expect(found.interval![1]).toBeCloseTo(0.25 + half, 12);
  });

  it('leaves out images that one of the runs could not read', () => {
    const whole = [
      [1, 0, 1, 1],
      [1, 1, 1, 0],
    ];
    const holed = whole.map((run) => [...run, 1]);
    const rival = [
      [0, 0, 1, 1, Number.NaN],
      [0, 1, 1, 0, 1],
    ];
    expect(gainOf(holed, rival)).toEqual(
      gainOf(
        whole,
        rival.map((run) => run.slice(0, 4)),
      ),
    );
  });

  it('has no interval from one seed, and never one without width', () => {
    expect(gainOf([[1, 0, 1]], [[1, 0, 0]]).interval).toBeNull();
    const all = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    const { gain, interval } = gainOf([all, all], [all, all]);
    expect(gain).toBe(0);
    // One image of ten that differs: a standard error of .1.
    expect(interval![1]).toBeGreaterThan(0.1);
  });
});

/** How often the interval lies below, about and above the truth. */
function coverage(world: World, seeds: readonly [number, number], tables: number) {
  const [strong, weak] = [1.8, 1.5];
  const truth = trueShare(world, strong) - trueShare(world, weak);
  let [below, above] = [0, 0];
  for (let table = 0; table < tables; table++) {
    const images = new SyntheticImages(world, 'coverage', table, ...seeds);
    const { interval } = gainOf(images.runs('a', strong, seeds[0]), images.runs('b', weak, seeds[1]));
    if (interval![1] < truth) below++;
    if (interval![0] > truth) above++;
  }
  return { covered: 1 - (below + above) / tables, below: below / tables, above: above / tables };
}

describe('on tables with a known effect the intervals cover as they say', () => {
  const tables = 400;
  // Three standard errors of a share of so many tables.
  const chance = (share: number) => 3 * Math.sqrt((share * (1 - share)) / tables);
  it.each([
    ['seeds and images', { images: 200, ease: 1.5, own: 0.7, seed: 0.2 }, [5, 5]],
    ['few seeds', { images: 200, ease: 1.5, own: 0.7, seed: 0.2 }, [3, 3]],
    ['seeds above all', { images: 200, ease: 1.5, own: 0.3, seed: 0.6 }, [4, 4]],
    ['images above all', { images: 80, ease: 1.5, own: 1.2, seed: 0.02 }, [5, 5]],
    ['arms of unlike many seeds', { images: 150, ease: 1.5, own: 0.7, seed: 0.3 }, [5, 3]],
  ] as const)('%s', (_, world, seeds) => {
    const { covered, below, above } = coverage(world, seeds, tables);
    expect(covered).toBeGreaterThan(0.95 - chance(0.05));
    expect(below).toBeLessThan(0.025 + chance(0.025));
    expect(above).toBeLessThan(0.025 + chance(0.025));
  });

  it('and are not wider than they need be', () => {
    const { covered } = coverage({ images: 200, ease: 1.5, own: 1, seed: 0.3 }, [5, 5], tables);
    expect(covered).toBeLessThan(0.95 + chance(0.05));
  });
});
