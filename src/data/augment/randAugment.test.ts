import { describe, expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { affine, type Fill, rotation, shearX, shearY, translateX, translateY } from './affine.ts';
import { brightness, colour, contrast, sharpness } from './colours/enhance.ts';
import type { Pixels } from './pixels.ts';
import { posterize } from './colours/posterize.ts';
import { OPERATIONS, randAugment } from './randAugment.ts';
import { parseRandAugment } from './randAugmentConfig.ts';
import { solarize, solarizeAdd } from './colours/solarize.ts';

const fill: Fill = [124, 116, 104];
const image: Pixels = {
  data: Uint8Array.from({ length: 20 * 16 * 3 }, (_, i) => (i * 37 + (i >> 4) * 11) % 256),
  width: 20,
  height: 16,
};

describe('parseRandAugment', () => {
  it("reads timm's text with timm's defaults", () => {
    const deit = { magnitude: 9, deviation: 0.5, largest: 10, layers: 2, probability: 0.5 };
    expect(parseRandAugment('rand-m9-mstd0.5-inc1')).toEqual(deit);
    expect(parseRandAugment('rand-inc1-n3-m7-p0.8-mmax8-mstd101')).toEqual({
      ...{ magnitude: 7, deviation: Number.POSITIVE_INFINITY, largest: 8, layers: 3, probability: 0.8 },
    });
  });

  it.each([
    ['augmix-m5', 'begins with rand-'],
    ['rand-m9', 'add -inc1'],
    ['rand-m9-inc0', 'add -inc1'],
    ['rand-m11-inc1', 'm is at most 10'],
    ['rand-m9-m8-inc1', 'm is there twice'],
    ['rand-x9-inc1', '"x9" is no part of it'],
    ['rand-m-9-inc1', '"m" is no part of it'],
    ['rand-n0-inc1', 'n is a whole number from 1 on'],
    ['rand-n1.5-inc1', 'n is a whole number from 1 on'],
  ])('refuses %s', (text, why) => expect(() => parseRandAugment(text)).toThrow(why));
});

describe('the operations at level 9', () => {
  const at = (name: string, sign: 1 | -1 = 1) =>
    OPERATIONS[name]!(image, { level: 9, sign, interpolation: 'bicubic', fill });
  const moved = (matrix: Parameters<typeof affine>[1]) => affine(image, matrix, 'bicubic', fill);

  it("have timm's strengths", () => {
    expect(at('rotate')).toEqual(moved(rotation(27, 20, 16)));
    expect(at('posterize')).toEqual(posterize(image, 1));
    expect(at('solarize')).toEqual(solarize(image, 26));
    expect(at('solarizeAdd')).toEqual(solarizeAdd(image, 99));
    expect(at('shearX', -1)).toEqual(moved(shearX(-0.27)));
    expect(at('shearY')).toEqual(moved(shearY(0.27)));
    expect(at('translateX')).toEqual(moved(translateX(0.405 * 20)));
    expect(at('translateY', -1)).toEqual(moved(translateY(-0.405 * 16)));
    for (const [name, op] of Object.entries({ colour, contrast, brightness, sharpness })) {
      expect(at(name)).toEqual(op(image, 1.81));
      expect(at(name, -1)).toEqual(op(image, 1 - 0.81));
    }
    expect(Object.keys(OPERATIONS)).toHaveLength(15);
  });

  it('are stronger than at level 2', () => {
    const distance = (a: Pixels) => a.data.reduce((sum, x, i) => sum + Math.abs(x - image.data[i]!), 0);
    for (const name of ['posterize', 'solarize', 'solarizeAdd', 'colour', 'contrast', 'brightness', 'sharpness']) {
      const [weak, strong] = [2, 9].map((level) =>
        distance(OPERATIONS[name]!(image, { level, sign: 1, interpolation: 'bicubic', fill })),
      );
      expect(strong, name).toBeGreaterThan(weak!);
    }
  });
});

it('applies each of two operations half the time and depends on its stream alone', () => {
  const config = parseRandAugment('rand-m9-mstd0.5-inc1');
  const made = Array.from({ length: 800 }, (_, i) => randAugment(image, config, 'bicubic', fill, stream(i)));
  const untouched = made.filter(({ data }) => data.join() === image.data.join()).length;
  // A quarter, and a few of operations that change nothing here.
  expect(untouched).toBeGreaterThan(160);
  expect(untouched).toBeLessThan(280);
  expect(new Set(made.map(({ data }) => data.join())).size).toBeGreaterThan(400);
  expect(randAugment(image, config, 'random', fill, stream(5))).toEqual(
    randAugment(image, config, 'random', fill, stream(5)),
  );
  const all = { ...config, probability: 1, layers: 1, magnitude: 0, deviation: 0 };
  // At level 0 shears, shifts, rotations and enhancements leave the image alone; contrast, equalize, invert and posterize do not.
  const still = Array.from({ length: 300 }, (_, i) => randAugment(image, all, 'bicubic', fill, stream('still', i)));
  const same = still.filter(({ data }) => data.join() === image.data.join()).length;
  expect(Math.abs(same - 300 * (11 / 15))).toBeLessThan(40);
});
