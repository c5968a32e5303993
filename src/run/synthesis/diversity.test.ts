import { expect, it } from 'vitest';
import { diversityOf, unitRows } from './diversity.ts';

it('distances within a class, to the next class, and repeats', () => {
  // Class 0: two equal vectors and one at a right angle; class 1: one vector opposite to the first.
  const vectors = unitRows(Float32Array.of(2, 0, 5, 0, 0, 3, -1, 0), 2);
  expect(Array.from(vectors)).toEqual([1, 0, 1, 0, 0, 1, -1, 0]);
  const found = diversityOf({ width: 2, vectors, labels: Int32Array.of(0, 0, 0, 1) });
  expect(found.intraClassDistance).toBeCloseTo((2 * Math.SQRT2) / 3, 6);
  expect(found.boundaryDistance).toBeCloseTo((2 + 2 + 2 * Math.SQRT2) / 4, 6);
  expect(found.nearRepeats).toBeCloseTo(2 / 3, 6);
});

it('a vector of zeros stays one', () => {
  expect(Array.from(unitRows(Float32Array.of(0, 0, 3, 4), 2))).toEqual([0, 0, Math.fround(0.6), Math.fround(0.8)]);
});
