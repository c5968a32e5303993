import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { floats, input } from '../graph/build.ts';
import { type NdArray, ndArray } from '../graph/ndArray.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { cosineSmoothL1, gramLoss, queueLoss, unit } from '../losses/embedding.ts';
import { initialValue } from '../nn/initialise.ts';
import { resizeTokens } from '../nn/resizeTokens.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { stream } from '../random/stream.ts';
import { embed } from './embed.ts';

const drawn = (name: string, shape: readonly number[]): NdArray => {
  const { normal } = stream('embed', name);
  return ndArray(shape, Float64Array.from({ length: sizeOf(shape) }, normal));
};
const constantOf = ({ shape, data }: NdArray): Tensor => floats(shape, Array.from(data));
const rows = (shape: readonly number[], name: string): Tensor => unit(constantOf(drawn(name, shape)));
const value = (t: Tensor): number => evaluate([t], new Map())[0]!.data[0]!;
const SAME = { student: 0.07, teacher: 0.07 };

describe('the losses where student and teacher agree', () => {
  it('cosine and smooth L1, the Gram loss and the divergence over a queue are 0', () => {
    const [x, tokens] = [constantOf(drawn('x', [3, 5])), constantOf(drawn('tokens', [2, 4, 5]))];
    expect(value(cosineSmoothL1(x, x))).toBeCloseTo(0, 9);
    expect(value(gramLoss(tokens, tokens))).toBe(0);
    const queue = { keys: rows([6, 5], 'queue'), filled: floats([1], [6]) };
    expect(value(queueLoss(unit(x), unit(x), queue, SAME))).toBe(0);
    expect(value(queueLoss(unit(x), rows([3, 5], 'other'), queue, SAME))).toBeGreaterThan(0.01);
  });
});

describe('the queue', () => {
  it('a slot that is not filled changes nothing, whatever lies in it', () => {
    const [student, teacher] = [rows([3, 5], 'student'), rows([3, 5], 'teacher')];
    const loss = (junk: string) => {
      const filled = drawn('filled', [2, 5]);
      const keys = ndArray([6, 5], [...filled.data, ...drawn(junk, [4, 5]).data]);
      return value(queueLoss(student, teacher, { keys: constantOf(keys), filled: floats([1], [2]) }, SAME));
    };
    expect(loss('one')).toBe(loss('two'));
  });

  it('at a low temperature the own key is the likeliest, so that the loss is that of naming it', () => {
    const [student, teacher] = [rows([3, 5], 'student'), rows([3, 5], 'teacher')];
    const none = { keys: floats([2, 5], new Float32Array(10)), filled: floats([1], [0]) };
    const sharp = value(queueLoss(student, teacher, none, { student: 0.2, teacher: 1e-4 }));
    const [s, t] = evaluate([student, teacher], new Map());
    const cosine = (i: number, j: number) =>
      [0, 1, 2, 3, 4].reduce((sum, d) => sum + s!.data[i * 5 + d]! * t!.data[j * 5 + d]!, 0) / 0.2;
    const named = [0, 1, 2].map(
      (i) => Math.log([0, 1, 2].reduce((sum, j) => sum + Math.exp(cosine(i, j)), 0)) - cosine(i, i),
    );
    expect(sharp).toBeCloseTo((named[0]! + named[1]! + named[2]!) / 3, 9);
  });

  it('goes round where the batch does not divide it: the newest first, the oldest gone, the count at its end', () => {
    const [B, M, E] = [3, 7, 2];
    let state = { keys: ndArray([M, E], new Float64Array(M * E)), filled: ndArray([1], [0]) };
    const seen: number[][] = [];
    for (let step = 0; step < 5; step++) {
      const { outputs, feeds } = stepOf(B, M, E, step);
      const given = new Map([...feeds, ['queue', state.keys], ['filled', state.filled]] as [string, NdArray][]);
      const [keys, filled, fresh] = evaluate(outputs, given);
      state = { keys: keys as typeof state.keys, filled: filled as typeof state.filled };
      const vectors = Array.from({ length: B }, (_, i) => [...fresh!.data.slice(i * E, (i + 1) * E)] as number[]);
      seen.unshift(...vectors);
      const count = Math.min(M, seen.length);
      expect(state.filled.data[0]).toBe(count);
      expect([...state.keys.data.slice(0, count * E)]).toEqual(seen.slice(0, count).flat());
      expect([...state.keys.data.slice(count * E)].every((x) => x === 0)).toBe(true);
    }
  });
});

/** A step of the method on embeddings alone: the queue and its count afterwards, and the batch's keys. */
function stepOf(B: number, M: number, E: number, step: number) {
  const [own, teacher] = [input('own', [B, 3]), input('teacher', [B, E])];
  const store = inputStore();
  embed.loss({
    scope: new Scope(store, true),
    student: { logits: own, embedding: own },
    teacher: { logits: teacher, embedding: teacher },
    targets: undefined,
    config: embed.config.parse({ queueSize: M }),
  });
  const heads = [...store.params.values()].map(
    (spec) => [spec.name, ndArray(spec.shape, initialValue(spec, 1))] as const,
  );
  const feeds = new Map<string, NdArray>([
    ...heads,
    ['own', drawn(`own ${step}`, [B, 3])],
    ['teacher', drawn(`teacher ${step}`, [B, E])],
  ]);
  return { outputs: [store.updates.get('queue')!, store.updates.get('filled')!, unit(teacher)], feeds };
}

describe('the grid', () => {
  it('stays as it is where both have the same', () => {
    const x = drawn('grid', [2, 6, 3]);
    const sides = { rows: 2, columns: 3 };
    const [same] = evaluate([resizeTokens(constantOf(x), sides, sides)], new Map());
    expect(same!.data).toEqual(evaluate([constantOf(x)], new Map())[0]!.data);
  });
});

describe('embed', () => {
  const [student, teacher] = [
    {
      logits: input('embedding', [2, 4]),
      embedding: input('embedding', [2, 4]),
      dense: { tokens: input('tokens', [2, 4, 4]), rows: 2, columns: 2 },
    },
    {
      logits: input('t', [2, 5]),
      embedding: input('t', [2, 5]),
      dense: { tokens: input('tt', [2, 9, 3]), rows: 3, columns: 3 },
    },
  ];
  const termsOf = (settings: object, dense: object = {}) => {
    const store = inputStore();
    const terms = embed.loss({
      scope: new Scope(store, true),
      student,
      teacher: { ...teacher, dense: { ...teacher.dense, ...dense } },
      targets: undefined,
      images: 40,
      config: embed.config.parse(settings),
    });
    return { terms, store };
  };

  it('sends no gradient to the teacher', () => {
    const { terms, store } = termsOf({ relationWeight: 1 });
    for (const { value } of Object.values(terms)) {
      const gradients = grad(value, [teacher.embedding, teacher.dense.tokens, student.dense.tokens]);
      const feeds = new Map<string, NdArray>([
        ...[...store.params.values()].map((spec) => [spec.name, ndArray(spec.shape, initialValue(spec, 1))] as const),
        ...(['embedding', 'tokens', 't', 'tt'] as const).map(
          (name, i) =>
            [
              name,
              drawn(
                name,
                [
                  [2, 4],
                  [2, 4, 4],
                  [2, 5],
                  [2, 9, 3],
                ][i]!,
              ),
            ] as const,
        ),
      ]);
      const [embedding, tokens] = evaluate(gradients, feeds);
      for (const one of [embedding!, tokens!]) expect(Array.from(one.data).every((x) => x === 0)).toBe(true);
    }
  });

  it('has half as many slots as there are images, and dense features where they are worth it', () => {
    const { terms, store } = termsOf({});
    expect([Object.keys(terms), store.params.get('queue')!.shape]).toEqual([
      ['queue', 'dense'],
      [20, 5],
    ]);
    expect(Object.keys(termsOf({}, { weak: true }).terms)).toEqual(['queue']);
    expect(Object.keys(termsOf({ global: 'cosine', denseWeight: 0 }).terms)).toEqual(['global']);
  });

  it('needs what its losses read, and refuses to learn nothing', () => {
    const needs = (settings: object) => embed.needs(embed.config.parse(settings));
    expect(needs({})).toEqual({ student: ['embedding'], teacher: ['embedding'], labels: 'none' });
    expect(needs({ denseWeight: 1 }).teacher).toEqual(['embedding', 'dense']);
    expect(needs({ global: 'none' }).teacher).toEqual(['dense']);
    expect(() => needs({ globalWeight: 0, denseWeight: 0 })).toThrow(/embed: no loss has a weight.*embed\.denseWeight/);
  });
});
