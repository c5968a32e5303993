import { describe, expect, it } from 'vitest';
import { createPixelCache, readCache, writeCache } from './pixelCache.ts';

const image = (width: number, height: number, value: number) => ({
  data: new Uint8Array(width * height * 3).fill(value),
  width,
  height,
});

describe('pixel cache', () => {
  it('gives back what was put in, by index', () => {
    const cache = createPixelCache(10, 1)!;
    writeCache(cache, 3, image(5, 7, 1));
    writeCache(cache, 9, image(2, 2, 2));
    expect(readCache(cache, 3)).toEqual(image(5, 7, 1));
    expect(readCache(cache, 9)).toEqual(image(2, 2, 2));
    expect(readCache(cache, 0)).toBeUndefined();
  });

  it('keeps the first copy, and none that exceeds four shares or the room left', () => {
    const cache = createPixelCache(16, 1)!;
    writeCache(cache, 0, image(4, 4, 1));
    writeCache(cache, 0, image(4, 4, 2));
    expect(readCache(cache, 0)).toEqual(image(4, 4, 1));
    writeCache(cache, 1, image(300, 300, 1));
    expect(readCache(cache, 1)).toBeUndefined();
    for (let i = 2; i < 16; i++) writeCache(cache, i, image(290, 290, i));
    const kept = [...new Array(16).keys()].filter((i) => i > 1 && readCache(cache, i));
    expect(kept).toEqual([2, 3, 4, 5]);
    for (const i of kept) expect(readCache(cache, i)!.data.every((x) => x === i)).toBe(true);
  });

  it('is not made where an image would get next to nothing', () => {
    expect(createPixelCache(100, 0)).toBeUndefined();
    expect(createPixelCache(10_000_000, 512)).toBeUndefined();
  });
});
