import { expect, it } from 'vitest';
import { UserError } from './errors.ts';
import { listNames, shownName, splitNames } from './names.ts';
import { printable, printableName } from './printable.ts';

it('escapes what a terminal obeys and leaves all else, in any script', () => {
  const title = '\u001b]0;owned\u0007';
  expect(printable(`${title}a\u0000b\r\u009b2J\u202etxt`)).toBe(
    '\\u001b]0;owned\\u0007a\\u0000b\\u000d\\u009b2J\\u202etxt',
  );
  const kept = 'grün\tキツネ 🦊 été\nzweite';
  expect(printable(kept)).toBe(kept);
  expect(printableName('a\nb\tc')).toBe('a\\u000ab\\u0009c');
});

it('a JSON text stays the same value', () => {
  const value = { name: '\u001b[2J \u009b \u202e \u2028 "' };
  expect(JSON.parse(printable(JSON.stringify(value)))).toEqual(value);
});

it('errors for the user are printable, whoever prints them', () => {
  expect(new UserError('m.onnx: tensor "\u001b[31mw\u0000"').message).toBe('m.onnx: tensor "\\u001b[31mw\\u0000"');
});

const NAMES = ['crane', 'tabby, tabby cat', ' x', '"quoted"', 'a\\b', '', 'a\nb'];

it('names with commas are told apart in a list, and a list that was shown can be given back', () => {
  expect(shownName('tabby cat')).toBe('tabby cat');
  expect(listNames(['crane', 'tabby, tabby cat'])).toBe('crane, "tabby, tabby cat"');
  expect(splitNames(listNames(NAMES))).toEqual(NAMES);
  expect(splitNames('a , b,c d')).toEqual(['a', 'b', 'c d']);
  expect(() => splitNames('"a, b')).toThrow(/wanted names with commas in quotes/);
  expect(listNames(['a', 'b', 'c'], 2)).toBe('a, b, ... (3)');
});
