import { expect, it } from 'vitest';
import { differences, overlay } from '../config/settings.ts';
import { leafKeys, nested } from './settings.ts';

it('dotted keys become sections and join those that are there', () => {
  expect(nested({ 'train.seed': 1, train: { epochs: 2 }, 'a.b.c': null }, 'x')).toEqual({
    train: { seed: 1, epochs: 2 },
    a: { b: { c: null } },
  });
  expect(() => nested({ 'train.': 1 }, 'file: base')).toThrow('file: base: wanted a dotted key');
  expect(() => nested({ '__proto__.x': 1 }, 'x')).toThrow('wanted a dotted key');
});

it('sections are merged, values, lists and null replace', () => {
  const under = { a: { b: 1, c: [1, 2] }, d: { e: 1 } };
  expect(overlay(under, { a: { c: [3] }, d: null })).toEqual({ a: { b: 1, c: [3] }, d: null });
  expect(under).toEqual({ a: { b: 1, c: [1, 2] }, d: { e: 1 } });
});

it('names what differs', () => {
  expect(differences({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: 1, c: 3 }, d: [1], e: 4 })).toEqual([
    { key: 'a.c', before: 2, now: 3 },
    { key: 'e', before: undefined, now: 4 },
  ]);
  expect(leafKeys({ train: { seed: 1 }, data: { fraction: 1, x: {} } })).toEqual([
    'train.seed',
    'data.fraction',
    'data.x',
  ]);
});
