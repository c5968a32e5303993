import { describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { randomResizedCrop } from './randomResizedCrop.ts';

const [scale, ratio] = [[0.08, 1] as const, [3 / 4, 4 / 3] as const];
const draw = (seed: number, w = 500, h = 375) => randomResizedCrop(w, h, scale, ratio, stream('crop', seed));
const boxes = Array.from({ length: 4000 }, (_, i) => draw(i));
const mean = (xs: number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;

describe('randomResizedCrop', () => {
  it('stays inside the image and inside scale and ratio', () => {
    for (const { left, top, width, height } of boxes) {
      expect(left >= 0 && top >= 0 && left + width <= 500 && top + height <= 375).toBe(true);
      const area = (width * height) / (500 * 375);
      expect(area).toBeGreaterThan(0.078);
      expect(area).toBeLessThanOrEqual(1);
      // Rounding to pixels moves the ratio of the smallest boxes (about 105 x 140) by up to 1 %.
      expect(width / height).toBeGreaterThan(0.74);
      expect(width / height).toBeLessThan(1.35);
    }
  });

  it('has the spread of torchvision: uniform areas, log-uniform ratios, offsets over the whole room', () => {
    // Boxes of at most 0.3 of the image always fit, so none is drawn again and the distributions are the plain ones.
    const small = boxes.map((_, i) => randomResizedCrop(500, 375, [0.08, 0.3], ratio, stream('small', i)));
    const logs = small.map((b) => Math.log(b.width / b.height));
    expect(Math.abs(mean(logs))).toBeLessThan(0.012);
    expect(Math.abs(mean(logs.map((x) => x * x)) - Math.log(4 / 3) ** 2 / 3)).toBeLessThan(0.0015);
    expect(Math.abs(mean(small.map((b) => (b.width * b.height) / (500 * 375))) - 0.19)).toBeLessThan(0.004);
    expect(Math.abs(mean(small.map((b) => b.left / (500 - b.width))) - 0.5)).toBeLessThan(0.02);
    expect(Math.abs(mean(small.map((b) => b.top / (375 - b.height))) - 0.5)).toBeLessThan(0.02);
    expect(new Set(small.map((b) => b.left)).size).toBeGreaterThan(200);
  });

  it('is a function of its stream', () => {
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });

  it('falls back to the largest central box of an allowed ratio', () => {
    expect(draw(1, 1000, 30)).toEqual({ left: 480, top: 0, width: 40, height: 30 });
    expect(draw(1, 30, 1000)).toEqual({ left: 0, top: 480, width: 30, height: 40 });
    const whole = randomResizedCrop(40, 40, [4, 5], ratio, stream(1));
    expect(whole).toEqual({ left: 0, top: 0, width: 40, height: 40 });
  });
});
