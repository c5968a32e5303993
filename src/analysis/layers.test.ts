import { expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { floats } from '../graph/build.ts';
import type { Features } from '../models/index.ts';
import { pooledLayers } from './layers.ts';

const numbersOf = (features: Features) =>
  [...pooledLayers(features)].map(([name, tensor]) => [name, Array.from(evaluate([tensor], new Map())[0]!.data)]);

it('pools the patch tokens of each block without the class and distillation tokens, and answers with both heads', () => {
  const tokens = floats([1, 4, 2], [90, 90, 70, 70, 1, 10, 3, 30]);
  const [logits, distLogits] = [floats([1, 2], [1, 2]), floats([1, 2], [3, 6])];
  const grid = { rows: 1, columns: 2, prefix: 2 };
  expect(numbersOf({ logits, distLogits, tokens: [tokens], grid })).toEqual([
    ['block 0', [2, 20]],
    ['logits', [2, 4]],
  ]);
});

it('averages the maps of each stage over the image', () => {
  const map = floats([1, 2, 2, 2], [1, 2, 3, 6, 10, 20, 30, 60]);
  expect(numbersOf({ logits: floats([1, 1], [5]), maps: { stem: map } })).toEqual([
    ['stem', [3, 30]],
    ['logits', [5]],
  ]);
});
