import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { type NdArray, ndArray } from '../graph/ndArray.ts';
import { sizeOf } from '../graph/shape.ts';
import { stream } from '../random/stream.ts';
import { contentScores } from './attention.ts';
import { initialValue } from './initialise.ts';
import { type MhcaOptions, mhcaScores } from './mhca.ts';
import { inputStore, Scope } from './scope.ts';

const GRID = { rows: 4, columns: 5, prefix: 1 };
const [B, H, N, d] = [2, 9, 21, 3];
const SHAPE = [B, H, N, d];

/** Attention [B,H,N,N] of a freshly initialised MHCA. */
function attend(options: Partial<MhcaOptions>, training: boolean, qk: (key: string) => NdArray, keep = 1): NdArray {
  const store = inputStore();
  const all = { combine: 'sum', dropout: 0, locality: 1, ...options } as const;
  const a = mhcaScores(new Scope(store, training), input('q', SHAPE), input('k', SHAPE), GRID, all);
  const params = [...store.params.values()].map((spec): [string, NdArray] => [
    spec.name,
    ndArray(spec.shape, initialValue(spec, 0)),
  ]);
  const random = stream('mhca', 'mask');
  const masks = [...store.noises.values()].map(({ name, shape }): [string, NdArray] => [
    `noise.${name}`,
    ndArray(
      shape,
      Float64Array.from({ length: sizeOf(shape) }, () => (random.uniform() < keep ? 1 : 0)),
    ),
  ]);
  return evaluate([a], new Map([['q', qk('q')], ['k', qk('k')], ...params, ...masks]))[0]!;
}

const zeros = () => ndArray(SHAPE, new Float64Array(sizeOf(SHAPE)));
const random = (key: string) => {
  const draws = stream('mhca', key);
  return ndArray(SHAPE, Float64Array.from({ length: sizeOf(SHAPE) }, draws.normal));
};
const rowOf = (a: NdArray, b: number, h: number, i: number) => {
  const at = ((b * H + h) * N + i) * N;
  return Array.from(a.data).slice(at, at + N);
};

describe.each(['sum', 'logits', 'gated'] as const)('MHCA, combine %s', (combine) => {
  it('begins as a convolution: with q = k = 0 each interior query looks at the centre of its head', () => {
    const a = attend({ combine }, false, zeros);
    for (let h = 0; h < H; h++)
      for (let y = 1; y < GRID.rows - 1; y++)
        for (let x = 1; x < GRID.columns - 1; x++) {
          const weights = rowOf(a, 1, h, 1 + y * GRID.columns + x);
          const [dy, dx] = [Math.floor(h / 3) - 1, (h % 3) - 1];
          const centre = 1 + (y + dy) * GRID.columns + (x + dx);
          weights.forEach(
            (w, j) =>
              void (j !== centre && expect(w, `head ${h}, query ${y},${x}, key ${j}`).toBeLessThan(weights[centre]!)),
          );
        }
  });

  it('with dropout 1 is plain attention exactly, in training and in evaluation', () => {
    const [q, k] = [input('q', SHAPE), input('k', SHAPE)];
    const plain = evaluate(
      [contentScores(q, k)],
      new Map([
        ['q', random('q')],
        ['k', random('k')],
      ]),
    )[0]!;
    for (const training of [true, false])
      expect(Array.from(attend({ combine, dropout: 1 }, training, random).data)).toEqual(Array.from(plain.data));
    expect(Array.from(attend({ combine, dropout: 0 }, true, random).data)).not.toEqual(Array.from(plain.data));
  });

  it('rows sum to 1, whatever is dropped', () => {
    for (const [dropout, keep] of [
      [0, 1],
      [0.5, 0.5],
      [0.5, 0],
    ] as const) {
      const a = attend({ combine, dropout }, true, random, keep);
      for (let i = 0; i < B * H * N; i++) {
        const sum = Array.from(a.data)
          .slice(i * N, (i + 1) * N)
          .reduce((s, w) => s + w, 0);
        expect(sum).toBeCloseTo(1, 12);
      }
    }
  });

  it('leaves the class row to the content alone', () => {
    const [q, k] = [input('q', SHAPE), input('k', SHAPE)];
    const plain = evaluate(
      [contentScores(q, k)],
      new Map([
        ['q', random('q')],
        ['k', random('k')],
      ]),
    )[0]!;
    const a = attend({ combine }, false, random);
    for (let h = 0; h < H; h++) {
      const wanted = rowOf(plain, 0, h, 0);
      rowOf(a, 0, h, 0).forEach((w, j) => void expect(w).toBeCloseTo(wanted[j]!, 12));
    }
  });
});
