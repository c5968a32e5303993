import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stream } from '../random/stream.ts';
import { fitLogistic, solveLogistic } from './logistic.ts';
import { accuracyOf, logitsOf } from './ridge.ts';

interface Case {
  readonly width: number;
  readonly classes: number;
  readonly lam: number;
  readonly data: readonly number[];
  readonly labels: readonly number[];
  readonly weight: readonly number[];
  readonly logits: readonly number[];
}
const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL('../../tests/golden/logistic.json', import.meta.url), 'utf8'),
);

/** Two classes that the first of two features tells apart, with noise. */
function rows(noise: number, scale = 1) {
  const { normal } = stream('logistic', noise);
  const labels = Array.from({ length: 100 }, (_, i) => i % 2);
  const data = Float32Array.from(labels.flatMap((label) => [scale * (2 * label - 1 + noise * normal()), 5 + normal()]));
  return { width: 2, data, labels };
}

describe('solveLogistic', () => {
  it.each(cases)('is where Newton’s method in NumPy ends: %#', ({ width, classes, lam, data, labels, ...golden }) => {
    const known = { width, data: Float32Array.from(data), labels: [...labels] };
    const start = { weight: Float32Array.from(golden.weight, (w) => 2 - w), bias: new Float32Array(classes) };
    for (const from of [undefined, start]) {
      const head = solveLogistic(known, classes, lam, { tolerance: 1e-9, start: from });
      for (const [i, w] of golden.weight.entries()) expect(head.weight[i]).toBeCloseTo(w, 5);
      for (let i = 0; i < labels.length; i++) {
        const logits = logitsOf(head, known.data, i * width, width);
        // Alike up to one number for all classes of a row, which no probability sees.
        const shift = logits[0]! - golden.logits[i * classes]!;
        for (const [k, z] of logits.entries()) expect(z - shift).toBeCloseTo(golden.logits[i * classes + k]!, 4);
      }
    }
  });
});

describe('fitLogistic', () => {
  it('is right on what it has not seen, and decides alike whatever the size of the features', () => {
    const head = fitLogistic(rows(0.3), 2);
    expect(head.heldOut).toBe(1);
    expect(accuracyOf(head, rows(0.31), 2)).toBeGreaterThan(0.98);
    const large = fitLogistic(rows(0.3, 1000), 2);
    expect(large.weight[0]! * 1000).toBeCloseTo(large.weight[2]! * -1000, 3);
    expect(large.heldOut).toBe(1);
  });

  it('labels that no feature tells get a strong penalty, plain ones a weak one', () => {
    const { normal } = stream('blind');
    const data = Float32Array.from({ length: 100 * 20 }, () => normal());
    const blind = { width: 20, data, labels: Array.from({ length: 100 }, (_, i) => i % 2) };
    expect(fitLogistic(blind, 2).lambda).toBe(1);
    expect(fitLogistic(rows(0.3), 2).lambda).toBeLessThan(0.1);
  });

  it('passes over rows without a label', () => {
    const { width, data, labels } = rows(0.3);
    expect(fitLogistic({ width, data, labels: labels.map((label, i) => (i % 7 === 0 ? -1 : label)) }, 2).heldOut).toBe(
      1,
    );
  });
});
