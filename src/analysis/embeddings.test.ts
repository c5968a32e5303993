import { describe, expect, it } from 'vitest';
import { effectiveRank } from './effectiveRank.ts';
import { eigenvalues, solvePositive } from './linearAlgebra.ts';
import { nearestAccuracy, neighbourAgreement } from './nearestRows.ts';

const rows = (width: number, ...values: readonly number[]) => ({ width, data: Float32Array.from(values) });
/** Points on the unit circle by their angles in degrees. */
const circle = (...degrees: readonly number[]) =>
  rows(2, ...degrees.flatMap((d) => [Math.cos((d * Math.PI) / 180), Math.sin((d * Math.PI) / 180)]));

describe('neighbourAgreement', () => {
  it('is the mean share of neighbours that two embeddings have in common, whatever the lengths', () => {
    // Nearest of 0, 10, 25, 100 degrees: 10; 0; 10; 25. Nearest of 0, 40, 45, 46: 40; 45; 46; 45.
    const [a, b] = [circle(0, 10, 25, 100), circle(0, 40, 45, 46)];
    expect(neighbourAgreement(a, a, 1)).toBe(1);
    // First: 1 and 1. Second: 0 and 2. Third: 1 and 3. Fourth: 2 and 2.
    expect(neighbourAgreement(a, b, 1)).toBe(0.5);
    const long = { width: 2, data: b.data.map((x, i) => x * (1 + Math.floor(i / 2))) };
    expect(neighbourAgreement(a, long, 1)).toBe(0.5);
    expect(neighbourAgreement(a, b, 3)).toBe(1);
    expect(neighbourAgreement(a, b, 4)).toBeNaN();
  });
});

describe('nearestAccuracy', () => {
  const bank = { ...circle(0, 10, 20, 90), labels: [0, 1, 1, 0] };

  it('weighs each vote by its similarity', () => {
    const asked = { ...circle(2, 15, 80, 40), labels: [0, 1, 0, -1] };
    // Of 3 at 2 degrees: class 0 at 0 degrees has less than 1 at 10 and 20 together, unless near ones count far more.
    expect(nearestAccuracy(bank, asked, 2, { k: 3, temperature: 1 })).toBeCloseTo(1 / 3, 12);
    expect(nearestAccuracy(bank, asked, 2, { k: 3, temperature: 0.001 })).toBe(1);
    expect(nearestAccuracy(bank, asked, 2, { k: 1 })).toBe(1);
  });

  it('is that of a vote computed by hand', () => {
    const weight = (degrees: number) => Math.exp(Math.cos((degrees * Math.PI) / 180) / 0.07);
    // Of the four nearest at 50 degrees: 0 at 50 and 40 away, 1 at 40 and 30 away.
    expect(weight(40) + weight(30)).toBeGreaterThan(weight(50) + weight(40));
    expect(nearestAccuracy(bank, { ...circle(50), labels: [1] }, 2)).toBe(1);
    expect(nearestAccuracy(bank, { ...circle(50), labels: [0] }, 2)).toBe(0);
  });
});

describe('effectiveRank', () => {
  it('is the number of directions where all are used alike, and 1 on a line', () => {
    expect(effectiveRank(rows(2, 1, 0, -1, 0, 0, 1, 0, -1))).toBeCloseTo(2, 9);
    expect(effectiveRank(rows(2, 5, 3, 7, 4, 9, 5))).toBeCloseTo(1, 4);
    expect(effectiveRank(rows(2, 1, 1, 1, 1))).toBe(0);
  });

  it('lies between where one direction has three times the other: shares 3/4 and 1/4', () => {
    const entropy = -(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25));
    expect(effectiveRank(rows(2, 3, 0, -3, 0, 0, 1, 0, -1))).toBeCloseTo(Math.exp(entropy), 9);
  });
});

describe('linear algebra', () => {
  it('eigenvalues of a symmetric matrix', () => {
    const found = [...eigenvalues(Float64Array.of(2, 1, 0, 1, 2, 1, 0, 1, 2), 3)].sort((a, b) => a - b);
    [2 - Math.SQRT2, 2, 2 + Math.SQRT2].forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 10);
    });
  });

  it('the solution of a positive definite system, none of another', () => {
    const [a, x] = [Float64Array.of(4, 2, 2, 3), [1, 2, -1, 5]];
    const b = Float64Array.of(4 * 1 + 2 * -1, 4 * 2 + 2 * 5, 2 * 1 + 3 * -1, 2 * 2 + 3 * 5);
    solvePositive(a, b, 2, 2)!.forEach((value, i) => {
      expect(value).toBeCloseTo(x[i]!, 12);
    });
    expect(solvePositive(Float64Array.of(1, 2, 2, 1), Float64Array.of(1, 1), 2, 1)).toBeUndefined();
  });
});
