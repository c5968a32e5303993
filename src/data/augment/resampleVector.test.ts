import { describe, expect, it } from 'vitest';
import { type Filter, FILTERS } from '../../nn/resampling.ts';
import { stream } from '../../random/stream.ts';
import { normalisePlainly, normaliseTable } from './normalise.ts';
import type { Pixels } from './pixels.ts';
import { axisWeights, resizePlainly } from './resample.ts';
import { vectorPasses } from './resampleVector.ts';

/** Bytes with many at both ends, so that sums leave 0..255 on both sides; at `offset` of shared memory, as in the cache. */
function noise(width: number, height: number, offset = 0): Pixels {
  const random = stream('vector', width, height);
  const length = width * height * 3;
  const data = new Uint8Array(new SharedArrayBuffer(offset + length), offset, length);
  for (let i = 0; i < length; i++) data[i] = [0, 255, random.below(256)][random.below(3)]!;
  return { data, width, height };
}

/** A crop of `image` to width x height pixels. */
function crop(image: Pixels, width: number, height: number, filter: Filter, mirror = false) {
  const [left, top] = [Math.floor(image.width / 5), Math.floor(image.height / 7)];
  const source = { left, top, width: image.width - left, height: image.height - 2 * top };
  const across = axisWeights(source.width, width, 0, width, filter);
  const down = axisWeights(source.height, height, 0, height, filter);
  return { image, source, across, down, mirror };
}

// Shrinking, growing, keeping the size, and rows whose number is no multiple of four and whose bytes are none of sixteen.
const SIZES = [
  [50, 41, 7, 9],
  [7, 8, 50, 33],
  [333, 250, 224, 224],
  [100, 70, 80, 50],
  [1, 1, 5, 3],
  [64, 400, 1, 1],
] as const;

describe('passes by vector instructions', () => {
  const vector = vectorPasses()!;

  it('are there in Node', () => expect(vector).toBeDefined());

  for (const [from, high, width, height] of SIZES)
    for (const filter of FILTERS)
      it(`give the bytes of the plain code: ${from} x ${high} to ${width} x ${height}, ${filter}`, () => {
        for (const [offset, mirror] of [
          [0, false],
          [5, true],
        ] as const) {
          const wanted = crop(noise(from, high, offset), width, height, filter, mirror);
          expect(Buffer.compare(vector.resize(wanted)!, resizePlainly(wanted).data)).toBe(0);
        }
      });

  it('read a part of the output alone, and a narrow part of the image', () => {
    // Wide enough that each row is copied for itself.
    const image = noise(900, 40, 3);
    const source = { left: 411, top: 3, width: 20, height: 30 };
    const [across, down] = [axisWeights(20, 30, 10, 12, 'bicubic'), axisWeights(30, 15, 5, 7, 'bicubic')];
    for (const mirror of [false, true]) {
      const wanted = { image, source, across, down, mirror };
      expect(Buffer.compare(vector.resize(wanted)!, resizePlainly(wanted).data)).toBe(0);
    }
  });

  it('normalise as the plain code does, wherever the planes begin, and touch nothing beside them', () => {
    const table = normaliseTable([0.4, 0.5, 0.6], [0.2, 0.3, 0.1]);
    for (const offset of [0, 1, 2]) {
      const image = noise(13, 7, offset);
      const [got, want] = [new Float32Array(new SharedArrayBuffer(4 * 300)).fill(-9), new Float32Array(300).fill(-9)];
      normalisePlainly(image, table, want, offset);
      expect(vector.normaliseTo({ table, out: got, offset }, image)).toBe(true);
      expect([...got]).toEqual([...want]);
      const wanted = crop(image, 9, 5, 'bicubic', true);
      normalisePlainly(resizePlainly(wanted), table, want, offset + 3);
      expect(vector.resizeTo({ table, out: got, offset: offset + 3 }, wanted)).toBe(true);
      expect([...got]).toEqual([...want]);
    }
  });

  it('leave to the plain code what would take too much memory', () => {
    const planes = { table: normaliseTable([0, 0, 0], [1, 1, 1]), out: new Float32Array(3), offset: 0 };
    expect(vector.normaliseTo(planes, { data: new Uint8Array(2 ** 28), width: 2 ** 14, height: 2 ** 14 / 3 })).toBe(
      false,
    );
  });
});
