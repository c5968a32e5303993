import { expect, it } from 'vitest';
import { methodNamed } from '../../methods/index.ts';
import { checkMultilabel, checkSets, LabelTally } from './multilabel.ts';

const check = (name: string, settings: object, multilabel: boolean, teacher?: { multilabel: boolean }) => {
  const method = methodNamed(name);
  const stage = { name, method, settings: method.config.parse(settings) };
  const given = teacher && { ...teacher, path: 'runs/teacher' };
  return () => checkMultilabel([stage] as never, { multilabel, labelled: true } as never, given as never);
};
const several = { multilabel: true };

it('refuses methods whose loss is a softmax, with what would work', () => {
  for (const name of ['deit', 'nkd', 'dkd', 'uskd', 'dearkd', 'vitkd+nkd'])
    expect(check(name, {}, true, several), name).toThrow(
      new RegExp(`method ${name.replace('+', '\\+')}: its loss is a softmax.*What works: .*supervised, kd, vitkd`),
    );
  expect(check('dearkd', {}, true, several)).toThrow(/works: --set dearkd\.logitKd=none/);
  expect(check('supervised', { loss: 'crossEntropy' }, true)).toThrow(/supervised \(loss crossEntropy\): .*loss=auto/);
  for (const [name, settings] of [
    ['supervised', {}],
    ['supervised', { loss: 'bce' }],
    ['kd', {}],
    ['vitkd', {}],
    ['vitkd+kd', {}],
    ['dearkd', { logitKd: 'none' }],
  ] as const)
    expect(check(name, settings, true, several), name).not.toThrow();
});

it('logits are learned only from a teacher of the same kind of labels', () => {
  expect(check('kd', {}, true, { multilabel: false })).toThrow(
    /wanted a teacher of several classes an image, got one of one/,
  );
  expect(check('kd', {}, false, several)).toThrow(/wanted a teacher of one class an image, got one of several/);
  expect(check('vitkd', {}, true, { multilabel: false })).not.toThrow();
  expect(check('nkd', {}, false, { multilabel: false })).not.toThrow();
});

it('images of no class at all cannot be measured, nor can more answers than memory holds', () => {
  const list = { root: '', paths: ['a', 'b'], labels: Int32Array.of(-1, -1) };
  expect(() => checkSets('list.csv', { ...list, sets: [[], []] })).toThrow(/list\.csv: .*got 2 images of no class/);
  expect(() => checkSets('list.csv', { ...list, sets: [[], [1]] })).not.toThrow();
  expect(() => new LabelTally(new Array(1_000_000).fill([]), 1000)).toThrow(/more answers than can be kept for mAP/);
});
