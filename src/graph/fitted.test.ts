import { expect, test } from 'vitest';
import { fitted } from './fitted.ts';

test('lines are broken between words, and go on two spaces further in', () => {
  const text = 'one two three four five six seven eight nine ten\n  a second line that is as long as the first one is';
  expect(fitted(text, 40)).toBe(
    'one two three four five six seven eight\n  nine ten\n  a second line that is as long as the\n    first one is',
  );
});

test('the last column of a row goes on below itself', () => {
  const row = '  --flag VALUE  what it is for, which takes some more words than fit';
  expect(fitted(row, 40)).toBe(
    '  --flag VALUE  what it is for, which\n                takes some more words\n                than fit',
  );
});

test('a last column that has room for words goes on below itself, also where it is far to the right', () => {
  const row = `${'a'.repeat(30)}  ${'b'.repeat(20)}  what it is for, in more words than fit`;
  expect(fitted(row, 80)).toBe(
    `${'a'.repeat(30)}  ${'b'.repeat(20)}  what it is for, in more\n${' '.repeat(54)}words than fit`,
  );
  expect(fitted(row, 74)).toBe(`${'a'.repeat(30)}  ${'b'.repeat(20)}  what it is for, in\n  more words than fit`);
});

test('a line that fits, or ends at the edge, is left alone; so is all where the width is not known', () => {
  const edge = 'x'.repeat(39);
  expect(fitted(`${edge}y`, 40)).toBe(`${edge}y`);
  expect(fitted(`${edge} y z`, undefined)).toBe(`${edge} y z`);
  expect(fitted(`${edge} y z`, 10)).toBe(`${edge} y z`);
});

test('a word wider than the terminal, such as a path, stays whole', () => {
  const path = `/${'folder/'.repeat(9)}image.png`;
  expect(fitted(`wrote ${path} and more`, 40)).toBe(`wrote\n  ${path}\n  and more`);
  expect(fitted(path, 40)).toBe(path);
});

test('no line is lost or said twice', () => {
  const words = Array.from({ length: 200 }, (_, i) => `w${i}${'x'.repeat(i % 17)}`);
  for (const width of [40, 57, 80]) {
    const lines = fitted(`  ${words.join(' ')}`, width).split('\n');
    expect(lines.join(' ').trim().split(/ +/)).toEqual(words);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
  }
});
