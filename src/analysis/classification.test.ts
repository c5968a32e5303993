import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Tally } from '../train/metrics.ts';
import { calibrate, classify } from './classification.ts';

/** Made by tests/golden/makeMetrics.py with NumPy. */
interface Golden {
  readonly logits: readonly (readonly number[])[];
  readonly labels: readonly number[];
  readonly decisions: readonly number[];
  readonly confidences: readonly number[];
  readonly confusion: readonly (readonly number[])[];
  readonly recall: readonly number[];
  readonly precision: readonly number[];
  readonly f1: readonly number[];
  readonly macroF1: number;
  readonly ece: number;
  readonly top1: number;
  readonly top5: number;
}
const CASES = JSON.parse(
  readFileSync(new URL('../../tests/golden/metrics.json', import.meta.url), 'utf8'),
) as readonly Golden[];

it.each(CASES)('equals NumPy: confusion, class scores, macro-F1, ECE, top-k (macro-F1 $macroF1)', (golden) => {
  const tally = new Tally(golden.labels.length);
  golden.logits.forEach((row, i) => void tally.add(Float32Array.from(row), golden.labels[i]!, i));
  const { top1, top5, decisions, confidences } = tally.result();
  expect([...decisions]).toEqual(golden.decisions);
  golden.confidences.forEach((want, i) => void expect(confidences[i]).toBeCloseTo(want, 5));
  expect(top1).toBeCloseTo(golden.top1, 12);
  expect(top5).toBeCloseTo(golden.top5, 12);
  const { images, classes, macroF1, confusion } = classify(golden.labels, decisions);
  expect(images).toBe(golden.labels.length);
  const dense = golden.confusion.flatMap((row, i) => row.flatMap((n, j) => (n === 0 ? [] : [[i, j, n]])));
  expect(confusion).toEqual(dense);
  for (const score of classes) {
    expect(score.recall ?? 0).toBeCloseTo(golden.recall[score.class]!, 12);
    expect(score.precision ?? 0).toBeCloseTo(golden.precision[score.class]!, 12);
    expect(score.f1).toBeCloseTo(golden.f1[score.class]!, 12);
  }
  expect(macroF1).toBeCloseTo(golden.macroF1, 12);
  expect(calibrate(golden.labels, decisions, golden.confidences).ece).toBeCloseTo(golden.ece, 12);
});

it('by hand: what has no label or could not be read does not count; classes nobody names are left out', () => {
  // Class 0: 2 of 3 right; class 2: one image, taken for 0. Class 1 is neither label nor decision.
  const { images, classes, macroF1, confusion } = classify([0, 0, 0, 2, -1, 1], [0, 0, 2, 0, 1, -1]);
  expect(images).toBe(4);
  expect(confusion).toEqual([
    [0, 0, 2],
    [0, 2, 1],
    [2, 0, 1],
  ]);
  expect(classes.map(({ class: name, recall, precision }) => [name, recall, precision])).toEqual([
    [0, 2 / 3, 2 / 3],
    [2, 0, 0],
  ]);
  expect(macroF1).toBeCloseTo(1 / 3, 12);
});

it('by hand: two bins; the end of a bin belongs to it, and a probability of 1 to the last', () => {
  const { ece, bins } = calibrate([0, 0, 0, 0], [0, 1, 0, 0], [0.5, 0.4, 0.6, 1], 2);
  // (0, 0.5]: confidence 0.45, accuracy 0.5. (0.5, 1]: confidence 0.8, accuracy 1.
  expect(bins.map(({ images, confidence, accuracy }) => [images, confidence?.toFixed(6), accuracy])).toEqual([
    [2, '0.450000', 0.5],
    [2, '0.800000', 1],
  ]);
  expect(ece).toBeCloseTo((2 * 0.05 + 2 * 0.2) / 4, 12);
});
