import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { floats, input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { crossEntropy, hardLabels } from './crossEntropy.ts';
import { standardise } from './hidden.ts';
import { softKd } from './softKd.ts';

const STUDENT = [2, -1, 0.5, 0.1, 0.3, -2];
const TEACHER = [0.2, 1.5, -0.7, 1, 0, 3];

function lossAndGradient(
  loss: (z: ReturnType<typeof input>) => ReturnType<typeof input>,
  z: readonly number[],
  shape: readonly number[],
) {
  const port = input('z', shape);
  const value = loss(port);
  const [l, g] = evaluate([value, ...grad(value, [port])], new Map([['z', ndArray(shape, z)]]));
  return { loss: l!.data[0]!, gradient: Array.from(g!.data) };
}

describe('softKd', () => {
  const kd = (student: readonly number[], teacher: readonly number[], tau: number) =>
    lossAndGradient((z) => softKd(z, floats([2, 3], teacher), tau), student, [2, 3]);

  it('is 0 with gradient 0 where the teacher says what the student says, and nowhere else', () => {
    for (const tau of [1, 4]) {
      const same = kd(STUDENT, STUDENT, tau);
      expect(same.loss).toBe(0);
      for (const g of same.gradient) expect(Math.abs(g)).toBeLessThan(1e-15);
      // Logits that differ by a constant a row say the same.
      const shifted = kd(
        STUDENT,
        STUDENT.map((z, i) => z + (i < 3 ? 5 : -2)),
        tau,
      );
      expect(Math.abs(shifted.loss)).toBeLessThan(1e-14);
      expect(kd(STUDENT, TEACHER, tau).loss).toBeGreaterThan(0.1);
    }
  });

  it('is not symmetric: swapping teacher and student changes the value', () => {
    const [forth, back] = [kd(STUDENT, TEACHER, 1).loss, kd(TEACHER, STUDENT, 1).loss];
    const p = (z: readonly number[]) => z.map((x) => Math.exp(x) / z.reduce((s, y) => s + Math.exp(y), 0));
    const kl = (a: readonly number[], b: readonly number[]) =>
      p(a).reduce((s, x, i) => s + x * Math.log(x / p(b)[i]!), 0);
    const mean = (a: readonly number[], b: readonly number[]) =>
      (kl(a.slice(0, 3), b.slice(0, 3)) + kl(a.slice(3), b.slice(3))) / 2;
    expect(forth).toBeCloseTo(mean(TEACHER, STUDENT), 12);
    expect(back).toBeCloseTo(mean(STUDENT, TEACHER), 12);
    expect(Math.abs(forth - back)).toBeGreaterThan(0.05);
  });

  it('is right at logits of 1e4: the gap between the chosen classes, the gradient softmax - teacher', () => {
    const far = kd([1e4, 0, -1e4, 0, 1e4, 0], [0, 1e4, 0, 0, 1e4, -1e4], 1);
    expect(far.loss).toBeCloseTo(1e4 / 2, 8);
    expect(far.gradient).toEqual([0.5, -0.5, 0, 0, 0, 0]);
    // tau^2 KL at tau = 2: 4 (5000 - 0) / 2.
    expect(kd([1e4, 0, -1e4, 0, 1e4, 0], [0, 1e4, 0, 0, 1e4, -1e4], 2).loss).toBeCloseTo(1e4, 8);
  });
});

describe('crossEntropy', () => {
  it('is right at logits of 1e4, smoothed or not', () => {
    const target = floats([1, 3], [0, 1, 0]);
    const at = (smoothing: number) =>
      lossAndGradient((z) => crossEntropy(z, target, smoothing), [1e4, 0, -1e4], [1, 3]);
    expect(at(0)).toEqual({ loss: 1e4, gradient: [1, -1, 0] });
    expect(at(0.3).loss).toBeCloseTo(0.8 * 1e4 + 0.1 * 2e4, 8);
  });
});

describe('hardLabels', () => {
  it('takes the first of ties and only that one', () => {
    const rows = floats([3, 3], [1, 2, 2, 5, 5, 5, -1, -1, 0]);
    expect(Array.from(evaluate([hardLabels(rows)], new Map())[0]!.data)).toEqual([0, 1, 0, 1, 0, 0, 0, 0, 1]);
  });
});

describe('standardise', () => {
  it('gives each channel mean 0 and variance 1, a constant channel 0', () => {
    const maps = floats([2, 2, 1, 2], [1, 2, 7, 7, 3, 6, 7, 7]);
    const [y] = evaluate([standardise(maps, 0.25)], new Map());
    // Channel 0 holds 1, 2, 3, 6: mean 3, variance 3.5, and 0.25 of epsilon.
    const wanted = [-2, -1, 0, 3].map((x) => x / Math.sqrt(3.75));
    expect(Array.from(y!.data)).toEqual(
      [wanted[0], wanted[1], 0, 0, wanted[2], wanted[3], 0, 0].map((x) => expect.closeTo(x!, 12)),
    );
  });
});
