import { expect, it } from 'vitest';
import { targetRows } from './batch.ts';

const rounded = (rows: Float32Array) => Array.from(rows, (x) => Math.round(x * 1e6) / 1e6);

it('mixes the labels as the images are: row i with row B-1-i', () => {
  const labels = Int32Array.of(0, 2, 1);
  expect(rounded(targetRows({ labels, own: 0.7 }, 3))).toEqual([0.7, 0.3, 0, 0, 0, 1, 0.3, 0.7, 0]);
  expect(rounded(targetRows({ labels, own: 1 }, 3))).toEqual([1, 0, 0, 0, 0, 1, 0, 1, 0]);
  expect(rounded(targetRows({ labels }, 3))).toEqual([1, 0, 0, 0, 0, 1, 0, 1, 0]);
});

it('adds the shares where both have one class, and leaves images without a label at zero', () => {
  expect(rounded(targetRows({ labels: Int32Array.of(1, 1), own: 0.4 }, 2))).toEqual([0, 1, 0, 1]);
  expect(rounded(targetRows({ labels: Int32Array.of(-1, -1), own: 0.4 }, 2))).toEqual([0, 0, 0, 0]);
});

it('has a 1 for each class of a multilabel image, and mixes them', () => {
  const [labels, sets] = [Int32Array.of(-1, -1, -1), [[0, 2], [], [1, 2]]];
  expect(rounded(targetRows({ labels, sets }, 3))).toEqual([1, 0, 1, 0, 0, 0, 0, 1, 1]);
  expect(rounded(targetRows({ labels, sets, own: 0.7 }, 3))).toEqual([0.7, 0.3, 1, 0, 0, 0, 0.3, 0.7, 1]);
});
