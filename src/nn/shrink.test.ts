import { expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { input } from '../graph/build.ts';
import { shrink } from './shrink.ts';

const S = 6;
const image = Float64Array.from({ length: 2 * S * S }, (_, i) => Math.sin(1.3 * i) + (i % 7));

function shrunken(size: number): Float64Array {
  const pixels = input('pixels', [1, 2, S, S]);
  const feeds = new Map([['pixels', { dtype: 'float32' as const, shape: [1, 2, S, S], data: image }]]);
  return evaluate([shrink(pixels, size)], feeds)[0]!.data as Float64Array;
}

/** The mean of a channel over an area, a pixel at an edge by the part of it that lies inside. */
function meanOver(channel: number, [top, left]: [number, number], side: number): number {
  const part = (i: number, from: number) => Math.max(0, Math.min(i + 1, from + side) - Math.max(i, from));
  let sum = 0;
  for (let y = 0; y < S; y++)
    for (let x = 0; x < S; x++) sum += part(y, top) * part(x, left) * image[(channel * S + y) * S + x]!;
  return sum / side ** 2;
}

it.each([1, 2, 3, 4, 5])('is the mean of the area that a pixel of %i x %i covers', (size) => {
  const got = shrunken(size);
  const side = S / size;
  expect(got).toHaveLength(2 * size * size);
  for (let channel = 0; channel < 2; channel++)
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++)
        expect(got[(channel * size + y) * size + x]).toBeCloseTo(meanOver(channel, [y * side, x * side], side), 10);
});

it('leaves an image of that size alone', () => {
  const pixels = input('pixels', [1, 2, S, S]);
  expect(shrink(pixels, S)).toBe(pixels);
});
