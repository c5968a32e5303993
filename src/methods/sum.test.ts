import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { type Features, variantConfig } from '../models/index.ts';
import { inputStore, Scope } from '../nn/scope.ts';
import { METHODS, methodNamed } from './index.ts';
import type { Terms } from './method.ts';

const [B, K] = [2, 3];
const SHAPE = [B, 1 + 4, 4];
const grid = { rows: 2, columns: 2, prefix: 1 };
const blocks = (side: string) => [0, 1, 2].map((i) => input(`${side}.${i}`, SHAPE));

const student: Features = { logits: input('logits', [B, K]), tokens: blocks('s'), norm: input('s.norm', SHAPE), grid };
const twoHeaded: Features = { ...student, distLogits: input('distLogits', [B, K]) };
const teacher: Features = {
  logits: input('teacherLogits', [B, K]),
  tokens: blocks('t'),
  norm: input('t.norm', [B, 5, 6]),
  maps: { a: input('a', [B, 3, 4, 4]), b: input('b', [B, 3, 2, 2]) },
  grid,
};
const targets = input('targets', [B, K]);

function lossOf(name: string, config: object, of: Features = student) {
  const method = methodNamed(name);
  const store = inputStore();
  const terms = new Scope(store, true).in('method', (scope) =>
    method.loss({ scope, student: of, teacher, targets, config: method.config.parse(config) }),
  );
  return { terms, params: [...store.params.keys()], noises: [...store.noises.keys()] };
}

const weights = (terms: Terms) => Object.fromEntries(Object.entries(terms).map(([name, { weight }]) => [name, weight]));

/** Value of the label cross entropy, which tells how it was smoothed and on which head. */
function crossEntropyOf(terms: Terms, name = 'ce'): number {
  const feeds = new Map([
    ['logits', ndArray([B, K], [2, 0, 0, 0, 2, 0])],
    ['distLogits', ndArray([B, K], [0, 0, 2, 0, 0, 2])],
    ['targets', ndArray([B, K], [1, 0, 0, 0, 1, 0])],
  ]);
  return evaluate([terms[name]!.value], feeds)[0]!.data[0]!;
}
const entropy = (right: number) => Math.log(Math.exp(2) + 2) - right;

describe('methodNamed', () => {
  it('gives each method under its own name', () => {
    for (const name of Object.keys(METHODS)) expect(methodNamed(name).name).toBe(name);
  });

  it.each([
    ['nkdd', 'Unknown method "nkdd". Did you mean nkd? Available: cskd, dearkd, deit,'],
    ['vitkd+supervisd', 'Unknown method "supervisd". Did you mean supervised? Available:'],
    ['vitkd+', 'Unknown method "". Available:'],
    ['reviewkd', 'Unknown method "reviewkd". Available:'],
    ['toString', 'Unknown method "toString". Available:'],
  ])('refuses %s', (name, message) => {
    expect(() => methodNamed(name)).toThrow(message);
  });

  it('refuses a method twice', () => {
    expect(() => methodNamed('nkd+vitkd+nkd')).toThrow('method nkd+vitkd+nkd: nkd is there twice');
  });
});

describe('vitkd+nkd', () => {
  it('is the sum of both, the label loss once', () => {
    const { terms, params, noises } = lossOf('vitkd+nkd', { nkd: { gamma: 2.5 } });
    expect(weights(terms)).toEqual({
      ce: 1,
      'vitkd.shallow': 3e-5,
      'vitkd.deep': 3e-6,
      'nkd.target': 1,
      'nkd.nonTarget': 2.5,
    });
    expect(params).toContain('method.vitkd.deep.weight');
    expect(params).toContain('method.vitkd.generator.0.weight');
    expect(noises).toEqual(['method.vitkd.visible']);
  });

  it('takes the label loss with the larger weight, in either order', () => {
    for (const name of ['vitkd+nkd', 'nkd+vitkd']) {
      expect(weights(lossOf(name, { vitkd: { labelWeight: 0.25 }, nkd: { labelWeight: 0.75 } }).terms).ce).toBe(0.75);
      expect(weights(lossOf(name, { vitkd: { labelWeight: 0 }, nkd: { labelWeight: 0 } }).terms)).not.toHaveProperty(
        'ce',
      );
    }
  });

  it('refuses two ways of smoothing the one label loss', () => {
    const config = { vitkd: { labelSmoothing: 0 } };
    expect(() => lossOf('vitkd+nkd', config)).toThrow(
      'vitkd.labelSmoothing is 0 and nkd.labelSmoothing is 0.1. Set both alike',
    );
    const { terms } = lossOf('vitkd+nkd', { ...config, nkd: { labelWeight: 0 } });
    expect(crossEntropyOf(terms)).toBeCloseTo(entropy(2), 12);
    expect(crossEntropyOf(lossOf('vitkd+nkd', {}).terms)).toBeCloseTo(entropy(2 * (0.9 + 0.1 / 3)), 12);
  });

  it('has a section for each, complete by default, and no other key', () => {
    const { config, parts } = methodNamed('vitkd+nkd');
    expect(parts).toEqual(['vitkd', 'nkd']);
    expect(config.parse({})).toEqual({ vitkd: METHODS.vitkd.config.parse({}), nkd: METHODS.nkd.config.parse({}) });
    expect(config.parse({ nkd: { temp: 2 } })).toMatchObject({ nkd: { temp: 2, gamma: 1 }, vitkd: { maskRatio: 0.5 } });
    expect(() => config.parse({ dkd: {} })).toThrow('dkd');
    expect(() => config.parse({ nkd: { tmep: 2 } })).toThrow('tmep');
  });

  it('needs what both need', () => {
    const needs = (name: string, config = {}) => methodNamed(name).needs(methodNamed(name).config.parse(config));
    const both = needs('vitkd+nkd');
    expect([...both.student].sort()).toEqual(['logits', 'norm', 'tokens']);
    expect([...both.teacher].sort()).toEqual(['logits', 'norm', 'tokens']);
    expect(both.labels).toBe('any');
    expect(needs('dkd+vitkd').labels).toBe('integer');
    expect(needs('deit+vitkd', { deit: { alpha: 1 }, vitkd: { labelWeight: 0 } }).labels).toBe('none');
  });
});

describe('dearkd+nkd', () => {
  it('keeps DearKD’s stages: first the sum, then the labels alone', () => {
    const sum = methodNamed('dearkd+nkd');
    expect(sum.stages!(sum.config.parse({ dearkd: { stageOne: 0.75 } }))).toEqual([
      { method: 'dearkd+nkd', share: 0.75 },
      { method: 'supervised', share: 0.25, settings: { labelSmoothing: 0.1 } },
    ]);
    expect(methodNamed('vitkd+nkd').stages).toBeUndefined();
  });

  it('adds up the parts; a weight of "auto" stays open', () => {
    const { terms, params } = lossOf('dearkd+nkd', {});
    expect(weights(terms)).toEqual({
      ce: 1,
      'dearkd.kd': 0.5,
      'dearkd.hidden': Number.NaN,
      'nkd.target': 1,
      'nkd.nonTarget': 1,
    });
    expect(params).toContain('method.dearkd.aligner.0.conv.weight');
  });

  it('shapes the student as DearKD alone does', () => {
    const vit = variantConfig('vit_nano_patch4', { imageSize: 8, classes: K });
    const sum = methodNamed('dearkd+nkd');
    const alone = METHODS.dearkd.shapeStudent!(METHODS.dearkd.config.parse({}), vit, teacher);
    expect(sum.shapeStudent!(sum.config.parse({}), vit, teacher)).toEqual(alone);
    expect(alone).toMatchObject({ mhca: { combine: 'sum' } });
  });

  it('refuses members that want different students', () => {
    const sum = methodNamed('deit+dearkd');
    const vit = variantConfig('vit_nano_patch4', { imageSize: 8, classes: K });
    expect(() => sum.shapeStudent!(sum.config.parse({}), vit, teacher)).toThrow(
      'method deit+dearkd: deit wants student.distToken = true, dearkd wants false. Set both sections of the config alike',
    );
    expect(sum.shapeStudent!(sum.config.parse({ dearkd: { distToken: true } }), vit, teacher)).toMatchObject({
      distToken: true,
    });
  });
});

describe('a distillation head', () => {
  it('learns the labels where no teacher speaks to it', () => {
    for (const name of ['nkd', 'kd', 'uskd', 'vitkd', 'dkd']) {
      const { terms } = lossOf(name, { labelSmoothing: 0, ...(name === 'kd' ? { alpha: 0.2 } : {}) }, twoHeaded);
      const weight = name === 'kd' ? 0.4 : 0.5;
      expect(weights(terms), name).toMatchObject({ ce: weight, ceDist: weight });
      expect([crossEntropyOf(terms), crossEntropyOf(terms, 'ceDist')]).toEqual([
        expect.closeTo(entropy(2), 12),
        expect.closeTo(entropy(0), 12),
      ]);
    }
  });

  it('is left to the member that speaks to it', () => {
    const { terms } = lossOf('deit+nkd', {}, twoHeaded);
    expect(weights(terms)).toEqual({ ce: 1, 'deit.kd': 0.5, 'nkd.target': 1, 'nkd.nonTarget': 1 });
  });
});
