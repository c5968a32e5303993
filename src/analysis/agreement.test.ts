import { expect, it } from 'vitest';
import { logitAgreement } from './agreement.ts';

const log = (...rows: number[][]) => Float32Array.from(rows.flat().map((p) => Math.log(p)));

it('agreement and KL(second || first) by hand', () => {
  const first = log([0.5, 0.25, 0.25], [0.1, 0.2, 0.7]);
  const second = log([0.25, 0.5, 0.25], [0.2, 0.2, 0.6]);
  const kl = (p: number[], q: number[]) => p.reduce((sum, value, k) => sum + value * Math.log(value / q[k]!), 0);
  const want = (kl([0.25, 0.5, 0.25], [0.5, 0.25, 0.25]) + kl([0.2, 0.2, 0.6], [0.1, 0.2, 0.7])) / 2;
  const found = logitAgreement(first, second, 3);
  expect(found.top1).toBe(0.5);
  expect(found.kl).toBeCloseTo(want, 6);
  expect(logitAgreement(second, first, 3).kl).not.toBeCloseTo(want, 3);
});

it('logits that differ by a constant are the same answer, however large they are', () => {
  const first = Float32Array.of(1000, 0, -1000);
  const { top1, kl } = logitAgreement(
    first,
    first.map((z) => z + 64),
    3,
  );
  expect([top1, kl]).toEqual([1, 0]);
});
