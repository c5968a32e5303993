import { describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { foresee, type Point } from './extrapolate.ts';
import { normal } from './synthetic.ts';

const LENGTHS = [10, 10, 30, 30, 90, 90, 90, 90, 90];

/** Runs whose error is given by their length, with a spread of its logarithm over the seeds. */
const curve = (key: string | number, errorAt: (budget: number) => number, spread: number): Point[] => {
  const random = stream('curve', key);
  return LENGTHS.map((budget) => ({ budget, error: errorAt(budget) * Math.exp(spread * normal(random)) }));
};
const power = (scale: number, exponent: number) => (budget: number) => scale * budget ** -exponent;
const IMAGES = 100_000;

describe('foresee', () => {
  it('is right where the error is a power of the length', () => {
    const found = foresee(curve(0, power(0.9, 0.5), 1e-3), curve(1, power(0.8, 0.4), 1e-3), 300, IMAGES, 0);
    expect(found.known && found.gain).toBeCloseTo(0.8 * 300 ** -0.4 - 0.9 * 300 ** -0.5, 3);
  });

  it('covers the gain as it says, under its model', () => {
    const truth = 0.8 * 270 ** -0.4 - 0.9 * 270 ** -0.5;
    let [covered, known] = [0, 0];
    const tables = 600;
    for (let key = 0; key < tables; key++) {
      const found = foresee(
        curve(`a${key}`, power(0.9, 0.5), 0.1),
        curve(`b${key}`, power(0.8, 0.4), 0.1),
        270,
        IMAGES,
        0,
      );
      if (!found.known) continue;
      known++;
      if (found.interval[0] <= truth && truth <= found.interval[1]) covered++;
    }
    // Each of two curves seems bent by chance once in 20.
    expect(known / tables).toBeGreaterThan(0.86);
    expect(covered / known).toBeGreaterThan(0.95 - 3 * Math.sqrt((0.05 * 0.95) / known));
    expect(covered / known).toBeLessThan(0.99);
  });

  it('gives no answer where the curve bends, the length is far, or the runs are few', () => {
    const floor = (budget: number) => 0.2 + power(0.9, 1.2)(budget);
    expect(foresee(curve(2, floor, 0.02), curve(3, power(0.8, 0.4), 0.02), 270, IMAGES, 0)).toMatchObject({
      known: false,
      why: expect.stringContaining('bends'),
    });
    const straight = curve(4, power(0.8, 0.4), 0.05);
    expect(foresee(straight, straight, 361, IMAGES, 0)).toMatchObject({
      known: false,
      why: 'nothing is foretold beyond 4 times the longest run',
    });
    const two = straight.filter(({ budget }) => budget > 10);
    expect(foresee(two, straight, 270, IMAGES, 0)).toMatchObject({ known: false });
  });
});
