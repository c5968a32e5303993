import { describe, expect, it } from 'vitest';
import { stream } from '../../../random/stream.ts';
import { colourJitter } from './colourJitter.ts';
import { grey } from './grey.ts';
import type { Pixels } from '../pixels.ts';
import { erasingBox, randomErasing } from '../randomErasing.ts';
import { solarize } from './solarize.ts';
import { threeAugment } from '../threeAugment.ts';

const random = stream('image');
const image: Pixels = {
  data: Uint8Array.from({ length: 12 * 12 * 3 }, () => random.below(256)),
  width: 12,
  height: 12,
};
const mean = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0) / xs.length;

it('threeAugment is grey, solarised or blurred, each a third of the time', () => {
  const seen = { grey: 0, solarised: 0, blurred: 0 };
  const [greyed, inverted] = [grey(image).data.join(), solarize(image).data.join()];
  for (let i = 0; i < 600; i++) {
    const made = threeAugment(image, stream(i)).data.join();
    seen[made === greyed ? 'grey' : made === inverted ? 'solarised' : 'blurred']++;
  }
  for (const [kind, count] of Object.entries(seen)) expect(Math.abs(count - 200), kind).toBeLessThan(45);
});

describe('colourJitter', () => {
  it('moves the mean luma by the drawn brightness, and not beyond its strength', () => {
    const flat: Pixels = { data: new Uint8Array(48).fill(100), width: 4, height: 4 };
    // Contrast and saturation leave a flat grey image alone: what is seen is the brightness.
    const levels = Array.from({ length: 400 }, (_, i) => colourJitter(flat, 0.3, stream(i)).data[0]!);
    expect(Math.min(...levels)).toBeGreaterThanOrEqual(69);
    expect(Math.max(...levels)).toBeLessThanOrEqual(130);
    expect(Math.min(...levels)).toBeLessThan(73);
    expect(Math.max(...levels)).toBeGreaterThan(127);
    expect(Math.abs(mean(levels) - 100)).toBeLessThan(3);
  });

  it('is nothing at strength 0, and its order matters', () => {
    expect(colourJitter(image, 0, stream(1))).toBe(image);
    const made = new Set(Array.from({ length: 50 }, (_, i) => colourJitter(image, 0.3, stream(i)).data.join()));
    expect(made.size).toBe(50);
  });
});

describe('randomErasing', () => {
  const size = 32;
  const boxes = Array.from({ length: 2000 }, (_, i) => erasingBox(size, 0.25, stream('erase', i)));

  it('takes a quarter of the images, a fiftieth to a third of the area, 0.3 to 3.3 of the aspect', () => {
    const found = boxes.filter((box) => box !== undefined);
    expect(Math.abs(found.length - 500)).toBeLessThan(70);
    for (const { top, left, width, height } of found) {
      expect(top >= 0 && left >= 0 && top + height <= size && left + width <= size).toBe(true);
      expect(Math.abs(Math.log(height / width))).toBeLessThan(Math.log(1 / 0.3) + 0.3);
    }
    const areas = found.map(({ width, height }) => (width * height) / size ** 2);
    expect(Math.min(...areas)).toBeGreaterThan(0.014);
    expect(Math.max(...areas)).toBeLessThan(0.345);
    expect(Math.abs(mean(areas) - (0.02 + 1 / 3) / 2)).toBeLessThan(0.02);
  });

  it('writes standard normal noise into the box and nowhere else', () => {
    const pixels = new Float32Array(7 + 3 * size * size).fill(9);
    randomErasing(pixels, 7, size, 1, stream('one'));
    const { top, left, width, height } = erasingBox(size, 1, stream('one'))!;
    const noise: number[] = [];
    pixels.forEach((x, i) => {
      const [at, plane] = [i - 7, size * size];
      const [y, column] = [Math.floor((at % plane) / size), at % size];
      const inside = at >= 0 && y >= top && y < top + height && column >= left && column < left + width;
      if (inside) noise.push(x);
      else expect(x).toBe(9);
    });
    expect(noise).toHaveLength(3 * width * height);
    expect(Math.abs(mean(noise))).toBeLessThan(4 / Math.sqrt(noise.length));
    expect(Math.abs(mean(noise.map((x) => x * x)) - 1)).toBeLessThan(8 / Math.sqrt(noise.length));
  });
});
