import { expect, test } from 'vitest';
import { VARIANTS } from '../models/index.ts';
import { didYouMean, nearNames } from './names.ts';

const MODELS = Object.keys(VARIANTS);

test('a misspelt name has its one nearest', () => {
  expect(nearNames('resnet8_smal', MODELS)).toEqual(['resnet8_small']);
  expect(nearNames('epocs', ['epochs', 'batch', 'seed'])).toEqual(['epochs']);
});

test('the beginning of names has these names, the shortest first and not too many', () => {
  expect(nearNames('deit_tiny', MODELS)).toEqual(['deit_tiny_patch16_224', 'deit_tiny_distilled_patch16_224']);
  expect(nearNames('RegNet', ['regnety_160', 'regnety_16', 'vit'])).toEqual(['regnety_16', 'regnety_160']);
  expect(nearNames('vit', ['a', ...Array.from({ length: 9 }, (_, i) => `vit_of_kind_${i}`)])).toHaveLength(4);
});

test('what is like nothing has none', () => {
  expect(nearNames('resnetz', ['vit_base', 'deit_tiny'])).toEqual([]);
  expect(nearNames('v', ['vit_base_of_something'])).toEqual([]);
  expect(nearNames('vit', [])).toEqual([]);
});

test('they are joined as people do', () => {
  expect(didYouMean('abc', ['abc_defg', 'abc_defgh', 'abc_defghi'])).toBe(
    ' Did you mean abc_defg, abc_defgh or abc_defghi?',
  );
  expect(didYouMean('abc', ['abc_defg', 'abc_defgh'], (name) => `--${name}`)).toBe(
    ' Did you mean --abc_defg or --abc_defgh?',
  );
  // A study's labels may have commas.
  expect(didYouMean('alone, x9', ['alone, x1', 'kd, x1'])).toBe(' Did you mean alone, x1?');
  expect(didYouMean('abc', ['xyz_uvw'])).toBe('');
});
