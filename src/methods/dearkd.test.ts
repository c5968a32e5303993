import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { type NdArray, ndArray } from '../graph/ndArray.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { type Features, variantConfig } from '../models/index.ts';
import { initialValue } from '../nn/initialise.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { stream } from '../random/stream.ts';
import { dearkd, defaultPairs } from './dearkd.ts';

/** RegNetY-16GF's and a CIFAR ResNet's map sizes, stem first. */
const REGNET = [
  ['stem', 112],
  ['s1', 56],
  ['s2', 28],
  ['s3', 14],
  ['s4', 7],
] as const;
const CIFAR = [
  ['stem', 32],
  ['s1', 32],
  ['s2', 16],
  ['s3', 8],
] as const;

describe('defaultPairs', () => {
  it.each([
    [
      'DeiT and RegNetY',
      12,
      14,
      REGNET,
      [
        ['s2', 1],
        ['s3', 2],
      ],
    ],
    [
      'nano and a CIFAR ResNet',
      6,
      8,
      CIFAR,
      [
        ['s2', 0],
        ['s3', 1],
      ],
    ],
    [
      'ten blocks: a third is three, its middle the second',
      10,
      8,
      CIFAR,
      [
        ['s2', 1],
        ['s3', 2],
      ],
    ],
    [
      'a deep student',
      24,
      14,
      REGNET,
      [
        ['s2', 3],
        ['s3', 4],
      ],
    ],
    ['one block has no next one', 1, 14, REGNET, [['s2', 0]]],
    [
      'a grid above every map takes the largest',
      12,
      64,
      CIFAR,
      [
        ['stem', 1],
        ['s1', 2],
      ],
    ],
    ['a grid below every map takes the smallest, which has no next', 12, 4, CIFAR, [['s3', 1]]],
  ] as const)('%s', (_, depth, rows, maps, wanted) => {
    expect(defaultPairs(depth, { rows }, maps)).toEqual(wanted.map(([stage, block]) => ({ block, stage })));
  });
});

describe('shapeStudent', () => {
  const student = variantConfig('vit_nano_patch4', { imageSize: 32, classes: 10 });
  const maps = Object.fromEntries(CIFAR.map(([stage, size]) => [stage, input(stage, [1, 4, size, size])]));
  const teacher: Features = { logits: input('logits', [1, 10]), maps };
  const shape = (config: object) => dearkd.shapeStudent!(dearkd.config.parse(config), student, teacher);

  it('puts MHCA up to and including the deepest distilled block', () => {
    expect(shape({})).toEqual({ distToken: false, mhca: { layers: 2, combine: 'sum', dropout: 0.1, locality: 1 } });
    expect(
      shape({
        pairs: [
          { block: 4, stage: 's1' },
          { block: 0, stage: 's2' },
        ],
      }),
    ).toMatchObject({ mhca: { layers: 5 } });
  });

  it('takes what the user wrote', () => {
    expect(shape({ mhca: null, distToken: true })).toEqual({ distToken: true, mhca: null });
    expect(shape({ mhca: { layers: 4, dropout: 0.3 } })).toMatchObject({
      mhca: { layers: 4, dropout: 0.3, combine: 'sum' },
    });
    expect(shape({ mhca: { layers: 'auto', combine: 'gated' } })).toMatchObject({
      mhca: { layers: 2, combine: 'gated' },
    });
  });
});

describe('stages', () => {
  const stages = (config: object) => dearkd.stages!(dearkd.config.parse(config));

  it('ends with the labels alone, or with the teacher’s soft answers alone', () => {
    expect(stages({})[1]).toMatchObject({ method: 'supervised', settings: { labelSmoothing: 0.1 } });
    expect(stages({ stageTwo: 'teacher', tau: 4, stageOne: 0.75 })).toEqual([
      { method: 'dearkd', share: 0.75 },
      { method: 'kd', share: 0.25, settings: { alpha: 1, tau: 4, reduction: 'mean' } },
    ]);
    expect(stages({ stageTwo: 'teacher', stageOne: 1 })).toHaveLength(1);
  });
});

const [B, N, D] = [2, 1 + 9, 4];

/** The method on tokens of two blocks and a teacher of two stages. */
function build(config: object) {
  const store = inputStore();
  const tokens = [input('tokens.0', [B, N, D]), input('tokens.1', [B, N, D])];
  const student: Features = { logits: input('logits', [B, 3]), tokens, grid: { rows: 3, columns: 3, prefix: 1 } };
  const maps = { a: input('a', [B, 5, 6, 6]), b: input('b', [B, 6, 3, 3]) };
  const teacher: Features = { logits: input('teacherLogits', [B, 3]), maps };
  const targets = input('targets', [B, 3]);
  const terms = dearkd.loss({
    scope: new Scope(store, true),
    student,
    teacher,
    targets,
    config: dearkd.config.parse(config),
  });
  const drawn = (t: Tensor): [string, NdArray] => {
    const random = stream('dearkd', String(t.node.attrs.name));
    return [String(t.node.attrs.name), ndArray(t.shape, Float64Array.from({ length: sizeOf(t.shape) }, random.normal))];
  };
  const own = [...store.params.values()].map((spec): [string, NdArray] => [
    spec.name,
    ndArray(spec.shape, initialValue(spec, 0)),
  ]);
  return { terms, tokens, maps, feeds: new Map([...tokens, ...Object.values(maps)].map(drawn).concat(own)) };
}

describe('the hidden loss', () => {
  it('reaches the class token and every patch of each paired block, and nothing of the teacher', () => {
    const { terms, tokens, maps, feeds } = build({});
    const gradients = evaluate(grad(terms.hidden!.value, [...tokens, ...Object.values(maps)]), feeds);
    for (const g of gradients.slice(0, 2))
      for (let i = 0; i < B * N; i++)
        expect(Math.hypot(...Array.from(g.data).slice(i * D, (i + 1) * D)), `token ${i}`).toBeGreaterThan(1e-7);
    for (const g of gradients.slice(2)) expect(Array.from(g.data).every((x) => x === 0)).toBe(true);
  });

  it('leaves a block out that is in no pair', () => {
    const { terms, tokens, feeds } = build({ pairs: [{ block: 1, stage: 'a' }] });
    const [first, second] = evaluate(grad(terms.hidden!.value, tokens), feeds);
    expect(Array.from(first!.data).every((x) => x === 0)).toBe(true);
    expect(Array.from(second!.data).some((x) => x !== 0)).toBe(true);
  });

  it('has a weight that is to be found where beta is "auto"', () => {
    expect(build({}).terms.hidden!.weight).toBeNaN();
    expect(build({ beta: 0.25 }).terms.hidden!.weight).toBe(0.25);
  });

  it('names the blocks and stages that there are', () => {
    expect(() => build({ pairs: [{ block: 2, stage: 'a' }] })).toThrow('the student has blocks 0 to 1, got 2');
    expect(() => build({ pairs: [{ block: 0, stage: 's1' }] })).toThrow('unknown teacher stage "s1". Available: a, b');
  });
});

it('needs the logits of the teacher only where they are used, labels where they have a weight', () => {
  const needs = (config: object) => dearkd.needs(dearkd.config.parse(config));
  expect(needs({})).toEqual({ student: ['logits', 'tokens'], teacher: ['maps', 'logits'], labels: 'any' });
  expect(needs({ logitKd: 'none', alpha: 1 })).toEqual({
    student: ['logits', 'tokens'],
    teacher: ['maps'],
    labels: 'any',
  });
  expect(needs({ alpha: 1, distToken: true })).toEqual({
    student: ['logits', 'tokens', 'distLogits'],
    teacher: ['maps', 'logits'],
    labels: 'none',
  });
});
