import { expect, it } from 'vitest';
import { append, largest, smallest } from './lists.ts';

it('lists of a million are joined and searched', () => {
  const many = Array.from({ length: 1_000_000 }, (_, i) => (i * 7919) % 1_000_003);
  const list = [-1];
  append(list, many);
  expect([list.length, list[1_000_000]]).toEqual([1_000_001, many.at(-1)]);
  expect([largest(many), smallest(list), largest([], 0), smallest([]), largest([1, Number.NaN, 2])]).toEqual([
    Math.max(many.reduce((a, b) => (a > b ? a : b))),
    -1,
    0,
    Infinity,
    Number.NaN,
  ]);
});
