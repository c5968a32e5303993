import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { averagePrecision, judgeMultilabel } from './multilabel.ts';

/** Made by tests/golden/makeMultilabel.py with NumPy, from the definitions. */
interface Golden {
  readonly logits: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
  readonly ap: readonly (number | null)[];
  readonly map: number;
  readonly f1: readonly number[];
  readonly macroF1: number;
  readonly microF1: number;
  readonly loss: number;
}
const { metrics } = JSON.parse(
  readFileSync(new URL('../../tests/golden/multilabel.json', import.meta.url), 'utf8'),
) as { readonly metrics: readonly Golden[] };

it.each(metrics)('equals NumPy: AP, mAP, F1, loss (mAP $map)', (golden) => {
  const classes = golden.ap.length;
  // An unreadable image with a class of its own in the middle must change nothing.
  const [logits, labels] = [[...golden.logits], [...golden.labels]];
  logits.splice(5, 0, new Array<number>(classes).fill(9));
  labels.splice(5, 0, [classes - 1]);
  const found = judgeMultilabel(Float32Array.from(logits.flat()), labels, classes, (i) => i !== 5);
  expect(found.images).toBe(golden.labels.length);
  found.classes.forEach(({ ap, f1 }, k) => {
    if (golden.ap[k] === null) expect(ap).toBeNull();
    else expect(ap).toBeCloseTo(golden.ap[k]!, 12);
    expect(f1).toBeCloseTo(golden.f1[k]!, 12);
  });
  expect(found.map).toBeCloseTo(golden.map, 12);
  expect(found.withoutImages).toBe(1);
  expect(found.microF1).toBeCloseTo(golden.microF1, 12);
  expect(found.macroF1).toBeCloseTo(golden.macroF1, 12);
  expect(found.loss).toBeCloseTo(golden.loss, 10);
});

it('by hand: equal scores are one threshold, whatever the order of the images', () => {
  // 0.9 yes, then two of 0.5 of which one is a yes, then 0.1 no: 1/2 x 1 + 1/2 x 2/3.
  for (const at of [1, 2])
    expect(averagePrecision([0.9, 0.5, 0.5, 0.1], (i) => i === 0 || i === at)).toBeCloseTo(5 / 6, 12);
  expect(averagePrecision([1, 2, 3], (i) => i === 0)).toBeCloseTo(1 / 3, 12);
});
