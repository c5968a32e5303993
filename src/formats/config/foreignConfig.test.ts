import { expect, it } from 'vitest';
import { readForeignConfig } from './foreignConfig.ts';

it('reads class names alone, and a preprocessor alone, of weights whose architecture is in their shapes', () => {
  const named = readForeignConfig({ id2label: { 0: 'a', 1: 'b' } }, undefined, 'config.json');
  expect([named.labels, named.preprocessing.mean]).toEqual([['a', 'b'], undefined]);
  const prepared = readForeignConfig(undefined, { size: 64, image_mean: [0.5, 0.5, 0.5] }, 'preprocessor_config.json');
  expect([prepared.labels, prepared.preprocessing.mean]).toEqual([undefined, [0.5, 0.5, 0.5]]);
  expect(() => readForeignConfig({ model_type: 'bert', id2label: { 0: 'a' } }, undefined, 'config.json')).toThrow(
    'wanted model_type',
  );
  expect(() => readForeignConfig({ hidden_size: 4 }, undefined, 'config.json')).toThrow('neither model_type');
});
