import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { stream } from '../random/stream.ts';
import { uskd } from './uskd.ts';

/** The three terms and the gradient of their sum to both logits. */
function run(B: number, K: number, student: readonly number[], weak: readonly number[], rows: readonly number[]) {
  const [z, w] = [input('z', [B, K]), input('w', [B, K])];
  const terms = uskd(z, w, input('y', [B, K]));
  const feeds = new Map([
    ['z', ndArray([B, K], student)],
    ['w', ndArray([B, K], weak)],
    ['y', ndArray([B, K], rows)],
  ]);
  const [target, nonTarget, weakLoss] = evaluate([terms.target, terms.nonTarget, terms.weak], feeds).map(
    ({ data }) => data[0]!,
  );
  const slopes = (t: typeof z) =>
    evaluate(
      [terms.target, terms.nonTarget, terms.weak].map((term) => grad(term, [t])[0]!),
      feeds,
    ).map((g) => Array.from(g.data));
  return { target: target!, nonTarget: nonTarget!, weak: weakLoss!, toStudent: slopes(z), toWeak: slopes(w) };
}

const softmax = (z: readonly number[]) => z.map((x) => Math.exp(x) / z.reduce((s, y) => s + Math.exp(y), 0));

describe('uskd', () => {
  it('ranks more classes than are compared at once as a sort does', () => {
    const K = 150;
    const random = stream('uskd');
    const [z, w] = [0, 1].map(() => Array.from({ length: K }, random.normal)) as [number[], number[]];
    const rows = z.map((_, i) => (i === 70 ? 1 : 0));
    const odds = (p: number[]) => p.map((x) => x / (1 - p[70]! + 1e-6));
    const r = odds(softmax(w)).map((x, i) => x + odds(softmax(z))[i]!);
    const order = r.map((_, i) => i).sort((a, b) => r[b]! - r[a]!);
    const zipf = new Array<number>(K).fill(0);
    order.forEach((i, rank) => {
      zipf[i] = i === 70 ? 0 : 1 / (rank + 1);
    });
    const sum = zipf.reduce((a, b) => a + b, 0);
    const rest = Math.log(z.reduce((s, x, i) => s + (i === 70 ? 0 : Math.exp(x)), 0));
    const wanted = -zipf.reduce((s, share, i) => s + (share / sum) * (z[i]! - rest), 0);
    expect(run(1, K, z, w, rows).nonTarget).toBeCloseTo(wanted, 12);
  });

  it('gives equal scores the same share', () => {
    // What the student prefers the auxiliary head does not, by as much: both other classes are worth the same.
    const { nonTarget } = run(1, 3, [0, Math.LN2, 0], [0, 0, Math.LN2], [1, 0, 0]);
    expect(nonTarget).toBeCloseTo(-(Math.log(2 / 3) + Math.log(1 / 3)) / 2, 12);
  });

  it('a one-hot row in a mixed batch has one target: no other class is dropped or counted', () => {
    const [z, w] = [
      [1, 0, -1, 0.5],
      [0.2, 0.1, 0, -0.3],
    ];
    const alone = run(1, 4, z, w, [0, 1, 0, 0]);
    const two = run(2, 4, [...z, 2, 1, 0, -1], [...w, 0, 1, 0, 1], [0, 1, 0, 0, 0.6, 0, 0.4, 0]);
    const mixed = run(1, 4, [2, 1, 0, -1], [0, 1, 0, 1], [0.6, 0, 0.4, 0]);
    expect(two.nonTarget).toBeCloseTo((alone.nonTarget + mixed.nonTarget) / 2, 12);
    // The second target's mean over the batch is over the one row that has it; the first one's is over both.
    const [s0, s1] = [softmax(z)[1]! ** 2, softmax([2, 1, 0, -1])[0]! ** 2];
    const mean = (s0 + s1) / 2;
    const log = (row: readonly number[], i: number) => Math.log(softmax(row)[i]!);
    const wanted =
      -((s0 + 1 - mean) * log(z, 1) + (s1 + 0.6 - mean) * log([2, 1, 0, -1], 0) + 0.4 * log([2, 1, 0, -1], 2)) / 2;
    expect(two.target).toBeCloseTo(wanted, 12);
  });

  it('teaches the auxiliary head by the labels alone and the student never by the ranking', () => {
    const { toStudent, toWeak } = run(1, 4, [1, 0, -1, 0.5], [0.2, 0.1, 0, -0.3], [0, 1, 0, 0]);
    expect(toWeak[0]!.concat(toWeak[1]!).every((g) => g === 0)).toBe(true);
    const p = softmax([0.2, 0.1, 0, -0.3]);
    toWeak[2]!.forEach((g, i) => void expect(g).toBeCloseTo(p[i]! - (i === 1 ? 0.9 : 0) - 0.025, 12));
    expect(toStudent[2]!.every((g) => g === 0)).toBe(true);
    expect(toStudent[1]![1]).toBe(0);
  });
});
