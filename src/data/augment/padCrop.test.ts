import { describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { padCrop, padCropOffset } from './padCrop.ts';

const [width, height] = [5, 4];
const image = { data: Uint8Array.from({ length: width * height * 3 }, (_, i) => i + 1), width, height };
const pixel = (x: number, y: number, c: number) =>
  x < 0 || y < 0 || x >= width || y >= height ? 0 : image.data[(y * width + x) * 3 + c]!;

describe('padCrop', () => {
  it('moves pixels without changing them and fills with black', () => {
    for (let padding = 0; padding <= 6; padding++) {
      for (let left = 0; left <= 2 * padding; left++) {
        for (let top = 0; top <= 2 * padding; top++) {
          const want: number[] = [];
          for (let y = 0; y < height; y++)
            for (let x = 0; x < width; x++)
              for (let c = 0; c < 3; c++) want.push(pixel(x + left - padding, y + top - padding, c));
          expect([...padCrop(image, padding, left, top).data]).toEqual(want);
        }
      }
    }
  });

  it('reaches every offset equally often', () => {
    const random = stream(1);
    const seen = new Map<string, number>();
    for (let i = 0; i < 2500; i++) {
      const { left, top } = padCropOffset(2, random);
      seen.set(`${left},${top}`, (seen.get(`${left},${top}`) ?? 0) + 1);
    }
    expect(seen.size).toBe(25);
    expect(Math.min(...seen.values())).toBeGreaterThan(60);
    expect(Math.max(...seen.values())).toBeLessThan(145);
  });
});
