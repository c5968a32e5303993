import { describe, expect, it } from 'vitest';
import { FILTERS } from '../../nn/resampling.ts';
import { stream } from '../../random/stream.ts';
import { axisWeights, resizeColumns, resizeRows } from './resample.ts';
import { vectorPasses } from './resampleVector.ts';

/** Bytes with many at both ends, so that sums leave 0..255 on both sides. */
function noise(length: number): Uint8Array {
  const random = stream('vector', length);
  return Uint8Array.from({ length }, () => [0, 255, random.below(256)][random.below(3)]!);
}

// Shrinking, growing, and rows whose bytes are no multiple of sixteen.
const SIZES = [
  [50, 7],
  [7, 50],
  [333, 224],
  [1, 5],
  [64, 1],
] as const;

describe('passes by vector instructions', () => {
  const vector = vectorPasses();

  it('are there in Node', () => expect(vector).toBeDefined());

  for (const [from, to] of SIZES)
    for (const interpolation of FILTERS)
      it(`give the bytes of the plain code: ${from} to ${to}, ${interpolation}`, () => {
        const axis = axisWeights(from, to, 0, to, interpolation);
        const [wide, tall] = [noise(from * 9 * 3), noise(from * 5 * 3)];
        const rows = resizeRows(wide, from, axis, to, 2, 8);
        expect(vector!.rows(wide, from, axis, to, 2, 8)).toEqual(rows);
        expect(new Set(rows).size).toBeGreaterThan(5);
        expect(vector!.columns(tall, axis, 15, to, 0)).toEqual(resizeColumns(tall, axis, 15, to, 0));
      });

  it('read from shared memory, and from where a box begins', () => {
    const axis = axisWeights(60, 30, 10, 12, 'bicubic');
    const plain = noise(60 * 40 * 3);
    const shared = new Uint8Array(new SharedArrayBuffer(plain.length));
    shared.set(plain);
    expect(vector!.rows(shared, 60, axis, 12, 3, 40)).toEqual(resizeRows(plain, 60, axis, 12, 3, 40));
    const top = axis.first[0]!;
    const below = plain.subarray(top * 9);
    expect(vector!.columns(below, axis, 9, 12, top)).toEqual(resizeColumns(below, axis, 9, 12, top));
  });
});
