import { expect, it } from 'vitest';
import { binaryDivergence, logitAgreement } from './agreement.ts';

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

it('of classes that are a yes or no each: equal decisions, and KL(second || first) of both sides, by hand', () => {
  const [q, p] = [
    [0.9, 0.4, 0.2],
    [0.6, 0.7, 0.1],
  ];
  const logits = (shares: number[]) => Float32Array.from(shares, (x) => Math.log(x / (1 - x)));
  const one = (a: number, b: number) => a * Math.log(a / b) + (1 - a) * Math.log((1 - a) / (1 - b));
  const { same, kl } = binaryDivergence(logits(q!), logits(p!));
  expect(same).toBe(2);
  expect(kl).toBeCloseTo((one(0.6, 0.9) + one(0.7, 0.4) + one(0.1, 0.2)) / 3, 6);
  expect(binaryDivergence(logits(p!), logits(q!)).kl).not.toBeCloseTo(kl, 3);
  expect(binaryDivergence(Float32Array.of(900, -900), Float32Array.of(900, -900))).toEqual({ same: 2, kl: 0 });
});
