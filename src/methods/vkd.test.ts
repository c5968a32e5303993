import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { type NdArray, ndArray } from '../graph/ndArray.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { denseOfTokens } from '../models/dense.ts';
import { initialValue } from '../nn/initialise.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { orthonormalAgain } from '../optim/orthonormal.ts';
import { stream } from '../random/stream.ts';
import { vkd } from './vkd.ts';

const [B, N] = [3, 4];

const drawn = (name: string, shape: readonly number[], scale = 1): NdArray => {
  const { normal } = stream('vkd', name);
  return ndArray(
    shape,
    Float64Array.from({ length: sizeOf(shape) }, () => scale * normal()),
  );
};

/** The feature loss of a student of width D_s and a teacher of width D_t, as a function of what is fed. */
function featureLoss(widths: readonly [Ds: number, Dt: number], config: object = {}) {
  const [Ds, Dt] = widths;
  const store = inputStore();
  const [norm, pooled] = [input('norm', [B, 1 + N, Ds]), input('pooled', [B, Dt])];
  const dense = denseOfTokens(norm, { rows: 2, columns: 2, prefix: 1 });
  const student = { logits: input('logits', [B, 2]), dense };
  const terms = vkd.loss({
    scope: new Scope(store, true),
    student,
    teacher: { logits: input('teacherLogits', [B, 2]), pooled },
    targets: input('targets', [B, 2]),
    config: vkd.config.parse({ distToken: false, kdWeight: 0, ...config }),
  });
  const own = [...store.params.values()].map((spec): [string, NdArray] => [
    spec.name,
    ndArray(spec.shape, initialValue(spec, 7)),
  ]);
  const feeds = new Map([...own, ['norm', drawn('norm', norm.shape)], ['pooled', drawn('pooled', pooled.shape, 2)]]);
  const given = (changes: Record<string, NdArray> = {}) => new Map([...feeds, ...Object.entries(changes)]);
  const of = (outputs: readonly Tensor[], changes?: Record<string, NdArray>) => evaluate(outputs, given(changes));
  const loss = terms.feature!.value;
  return {
    loss,
    norm,
    pooled,
    store,
    feeds,
    of,
    value: (changes?: Record<string, NdArray>) => of([loss], changes)[0]!.data[0]!,
  };
}

const huber = (d: number) => (Math.abs(d) < 1 ? (d * d) / 2 : Math.abs(d) - 0.5);
const identity = (n: number) =>
  ndArray(
    [n, n],
    Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0)),
  );
const product = (a: NdArray, b: NdArray): number[] => {
  const [n, k, m] = [a.shape[0]!, a.shape[1]!, b.shape[1]!];
  return Array.from({ length: n * m }, (_, at) => {
    const [i, j] = [Math.floor(at / m), at % m];
    return Array.from({ length: k }, (_, l) => a.data[i * k + l]! * b.data[l * m + j]!).reduce((x, y) => x + y, 0);
  });
};
const turned = ({ shape: [n, m], data }: NdArray): NdArray =>
  ndArray(
    [m!, n!],
    Array.from({ length: n! * m! }, (_, at) => data[(at % n!) * m! + Math.floor(at / n!)]!),
  );
/** The largest difference of W^T W from I; of a wide matrix, of W W^T. */
const skewness = (W: NdArray): number => {
  const tall = W.shape[0]! >= W.shape[1]! ? W : turned(W);
  const gram = product(turned(tall), tall);
  return Math.max(...gram.map((x, i) => Math.abs(x - Number(i % (tall.shape[1]! + 1) === 0))));
};

describe('the feature loss', () => {
  it('with W = I is the plain smooth L1 of the mean patch and the teacher', () => {
    const { value, feeds } = featureLoss([4, 4], { normalise: 'none' });
    const [tokens, target] = [feeds.get('norm')!.data, feeds.get('pooled')!.data];
    const mean = (b: number, d: number) =>
      [1, 2, 3, 4].map((n) => tokens[(b * 5 + n) * 4 + d]!).reduce((x, y) => x + y, 0) / 4;
    const wanted = Array.from(target, (t, i) => huber(mean(Math.floor(i / 4), i % 4) - t));
    expect(value({ 'projector.weight': identity(4) })).toBeCloseTo(wanted.reduce((x, y) => x + y, 0) / 12, 12);
  });

  it('by default does not see the size of the teacher’s feature, only its form', () => {
    const { value, feeds } = featureLoss([4, 9]);
    const { shape, data } = feeds.get('pooled')!;
    const scaled = ndArray(
      shape,
      Float64Array.from(data, (x) => 10 * x + 3),
    );
    expect(value({ pooled: scaled })).toBeCloseTo(value(), 4);
    const plain = featureLoss([4, 9], { normalise: 'none' });
    expect(plain.value({ pooled: scaled })).toBeGreaterThan(2 * plain.value());
  });

  it.each(['teacherLN', 'bothBatch', 'whiten', 'none'])(
    '%s: its slope is its gradient; none reaches the teacher',
    (normalise) => {
      const { loss, norm, pooled, of, value, feeds } = featureLoss([4, 9], { normalise });
      const [slope, toTeacher] = of(grad(loss, [norm, pooled]));
      expect(Array.from(toTeacher!.data).every((x) => x === 0)).toBe(true);
      const { shape, data } = feeds.get('norm')!;
      for (const at of [4, 17, 30, 55]) {
        const moved = (by: number) => ({
          norm: ndArray(
            shape,
            Float64Array.from(data, (x, i) => (i === at ? x + by : x)),
          ),
        });
        expect(slope!.data[at]).toBeCloseTo((value(moved(1e-5)) - value(moved(-1e-5))) / 2e-5, 8);
      }
      // The class token is no patch.
      expect(slope!.data[0]).toBe(0);
    },
  );

  it('refuses what would lose or compare nothing', () => {
    expect(() => featureLoss([9, 4])).toThrow('got 9 (student) and 4 (teacher');
    expect(featureLoss([9, 4], { allowWide: true }).value()).toBeGreaterThan(0);
    expect(() => vkd.needs(vkd.config.parse({ featureWeight: 0, kdWeight: 0 }))).toThrow('nothing is left to distil');
  });

  it('asks only for what it reads', () => {
    const needs = (config: object) => vkd.needs(vkd.config.parse(config));
    expect(needs({})).toEqual({
      student: ['logits', 'dense', 'distLogits'],
      teacher: ['pooled', 'logits'],
      labels: 'any',
    });
    expect(needs({ kdWeight: 0, labelWeight: 0, distToken: false })).toEqual({
      student: ['logits', 'dense'],
      teacher: ['pooled'],
      labels: 'none',
    });
  });
});

describe('the projector', () => {
  it.each([
    [12, 5],
    [5, 12],
    [6, 6],
  ] as const)('of %i x %i begins orthonormal', (rows, columns) => {
    const { store } = featureLoss([columns, rows], { allowWide: true });
    const spec = store.params.get('projector.weight')!;
    expect([spec.role, spec.decay, spec.kept]).toEqual(['param', false, 'orthonormal']);
    const weight = initialValue(spec, 1);
    expect(skewness(ndArray([rows, columns], weight))).toBeLessThan(1e-6);
    expect(weight).not.toEqual(initialValue(spec, 2));
  });

  it('keeps lengths and angles of the students it projects', () => {
    const { feeds } = featureLoss([4, 9]);
    const [z, W] = [drawn('z', [B, 4]), feeds.get('projector.weight')!];
    const projected = ndArray([B, 9], product(z, turned(W)));
    const gram = (x: NdArray) => product(x, turned(x));
    gram(projected).forEach((x, i) => void expect(x).toBeCloseTo(gram(z)[i]!, 5));
  });

  it('is still orthonormal after a thousand updates in float32', () => {
    const [W, U] = [input('W', [9, 4]), input('U', [9, 4])];
    const [after] = [orthonormalAgain(U, W)];
    let now = ndArray([9, 4], featureLoss([4, 9]).feeds.get('projector.weight')!.data);
    const { normal } = stream('updates');
    for (let step = 0; step < 1000; step++) {
      const moved = Float32Array.from(now.data, (x) => x + 0.02 * normal());
      const [next] = evaluate(
        [after],
        new Map([
          ['W', now],
          ['U', ndArray([9, 4], moved)],
        ]),
      );
      now = ndArray([9, 4], Float32Array.from(next!.data));
    }
    expect(skewness(now)).toBeLessThan(1e-5);
  });

  it('comes back from an update far beyond what Newton and Schulz bear', () => {
    const [W, U] = [input('W', [9, 4]), input('U', [9, 4])];
    let [now, moved] = [
      ndArray([9, 4], featureLoss([4, 9]).feeds.get('projector.weight')!.data),
      drawn('far', [9, 4], 50),
    ];
    for (let step = 0; step < 20; step++) {
      const [next] = evaluate(
        [orthonormalAgain(U, W)],
        new Map([
          ['W', now],
          ['U', moved],
        ]),
      );
      [now, moved] = [next!, next!];
    }
    expect(skewness(now)).toBeLessThan(1e-6);
  });

  it('fixed is state that no gradient moves; free is a layer like any other', () => {
    expect(featureLoss([4, 9], { projector: 'fixed' }).store.params.get('projector.weight')!.role).toBe('buffer');
    const free = featureLoss([4, 9], { projector: 'free' }).store.params.get('projector.weight')!;
    expect([free.role, free.decay, free.kept]).toEqual(['param', true, undefined]);
  });
});
