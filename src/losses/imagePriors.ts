import type { Tensor } from '../graph/tensor.ts';
import { abs, add, sub } from '../ops/elementwise.ts';
import { slice } from '../ops/movement.ts';
import { reduceMean } from '../ops/reduce.ts';
import { euclidean } from './euclidean.ts';

/** Differences of neighbouring pixels of [B,C,h,w]: to the right, below, and along both diagonals. */
function differences(x: Tensor): Tensor[] {
  const [h, w] = [x.shape[2]!, x.shape[3]!];
  const part = (y: number, z: number, rows: number, columns: number) =>
    slice(slice(x, 2, y, y + rows), 3, z, z + columns);
  return [
    sub(part(0, 0, h, w - 1), part(0, 1, h, w - 1)),
    sub(part(0, 0, h - 1, w), part(1, 0, h - 1, w)),
    sub(part(1, 0, h - 1, w - 1), part(0, 1, h - 1, w - 1)),
    sub(part(0, 0, h - 1, w - 1), part(1, 1, h - 1, w - 1)),
  ];
}

const sum = (parts: readonly Tensor[]): Tensor => parts.reduce((a, b) => add(a, b));

/** Total variation: the Frobenius norms of the whole batch's differences, not squared. Source: DeepInversion, section 3.1. */
export const totalVariation2 = (x: Tensor): Tensor => sum(differences(x).map((d) => euclidean(d)));

/** The same with the mean of the absolute differences. */
export const totalVariation1 = (x: Tensor): Tensor => sum(differences(x).map((d) => reduceMean(abs(d))));

/** The mean length of an image as a vector. Source: DeepInversion, section 3.1. */
export const meanLength = (x: Tensor): Tensor => reduceMean(euclidean(x, { axes: [1, 2, 3] }));
