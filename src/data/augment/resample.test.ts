import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Filter, FILTERS } from '../../nn/resampling.ts';
import type { Pixels } from './pixels.ts';
import { resample } from './resample.ts';

interface Case {
  readonly filter: Filter;
  readonly width: number;
  readonly height: number;
  readonly newWidth: number;
  readonly newHeight: number;
  readonly box: readonly [number, number, number, number];
  readonly out: string;
}

const GOLDEN = new URL('../../../tests/golden/resize.json', import.meta.url);

/** The pattern of tests/golden/makeResize.py. */
function pattern(width: number, height: number): Pixels {
  let state = 1n;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (state * 1103515245n + 12345n) % 2n ** 31n;
    return state >> 30n ? 255 : Number((state >> 16n) & 255n);
  });
  return { data, width, height };
}

describe('resize and crop', () => {
  const cases = JSON.parse(readFileSync(GOLDEN, 'utf8')) as Case[];
  it.each(cases)("is Pillow's bit for bit: $filter, $width x $height to $newWidth x $newHeight", (one) => {
    const [left, top, width, height] = one.box;
    const box = { left, top, width, height };
    const got = resample(pattern(one.width, one.height), one.newWidth, one.newHeight, box, one.filter);
    expect([got.width, got.height]).toEqual([width, height]);
    expect(Buffer.from(got.data).toString('base64')).toBe(one.out);
  });

  it('all filters are tried', () => {
    expect(new Set(cases.map(({ filter }) => filter))).toEqual(new Set(FILTERS));
  });
});
