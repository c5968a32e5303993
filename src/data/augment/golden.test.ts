import { describe, expect, it } from 'vitest';
import { readGolden } from '../../../tests/parity/golden.ts';
import {
  affine,
  type Fill,
  type Interpolation,
  type Matrix,
  rotation,
  shearX,
  shearY,
  translateX,
  translateY,
} from './affine.ts';
import { autoContrast } from './colours/autoContrast.ts';
import { brightness, colour, contrast, sharpness } from './colours/enhance.ts';
import { flipHorizontal } from './flip.ts';
import { equalize } from './colours/equalize.ts';
import { gaussianBlur } from './colours/gaussianBlur.ts';
import { grey } from './colours/grey.ts';
import { invert } from './colours/invert.ts';
import { cropPixels, type Pixels } from './pixels.ts';
import { posterize } from './colours/posterize.ts';
import { resample, resizeCrop } from './resample.ts';
import { solarize, solarizeAdd } from './colours/solarize.ts';

type Golden = ReturnType<typeof readGolden>;

function imageOf(golden: Golden, name: string): Pixels {
  const { shape, data } = golden.get(name);
  return { data: Uint8Array.from(data), width: shape[1]!, height: shape[0]! };
}

/** Mean and largest difference in grey levels. */
function difference(a: Pixels, b: Pixels): { mean: number; largest: number } {
  expect([a.width, a.height, a.data.length]).toEqual([b.width, b.height, b.data.length]);
  const all = Array.from(a.data, (x, i) => Math.abs(x - b.data[i]!));
  return { mean: all.reduce((sum, x) => sum + x, 0) / all.length, largest: Math.max(...all) };
}

const cases = (golden: Golden): string[] => [...golden.group('output.')].map(([name]) => name);

const POINT: Readonly<Record<string, (image: Pixels, value: number) => Pixels>> = {
  autoContrast,
  equalize,
  invert,
  grey,
  posterize,
  solarize,
  solarizeAdd,
  colour,
  contrast,
  brightness,
  sharpness,
  blur: gaussianBlur,
};

const MATRIX: Readonly<Record<string, (value: number, width: number, height: number) => Matrix>> = {
  shearX,
  shearY,
  translateX: (share, width) => translateX(share * width),
  translateY: (share, _, height) => translateY(share * height),
  rotate: rotation,
};

describe('points, enhancements and the blur are equal to Pillow', () => {
  const golden = readGolden('augment/points');
  const image = imageOf(golden, 'input.image');
  it.each(cases(golden))('%s', (name) => {
    const [, op, value] = /^([a-zA-Z]+)\.?(.*)$/.exec(name)!;
    const before = image.data.slice();
    const made = POINT[op!]!(image, ...((value === '' ? [] : [Number(value)]) as [number]));
    expect([...made.data]).toEqual([...imageOf(golden, `output.${name}`).data]);
    expect(image.data).toEqual(before);
  });
  it('has a golden for each', () => {
    expect(new Set(cases(golden).map((name) => name.split('.')[0]))).toEqual(new Set(Object.keys(POINT)));
  });
});

describe('shears, shifts and rotations are Pillow’s', () => {
  const golden = readGolden('augment/geometry');
  const image = imageOf(golden, 'input.image');
  it.each(cases(golden))('%s', (name) => {
    const [, op, value, interpolation] = /^([a-zA-Z]+)\.(-?[\d.]+)\.(\w+)$/.exec(name)!;
    const matrix = MATRIX[op!]!(Number(value), image.width, image.height);
    const made = affine(image, matrix, interpolation as Interpolation, golden.config.fill as unknown as Fill);
    expect(difference(made, imageOf(golden, `output.${name}`))).toEqual({ mean: 0, largest: 0 });
  });
});

describe('crops are torchvision’s resized_crop', () => {
  const none = { mean: 0, largest: 0 };
  const golden = readGolden('augment/crops');
  const image = imageOf(golden, 'input.image');
  it.each(cases(golden))('%s', (name) => {
    const [top, left, height, width] = name.split('.').slice(1, 5).map(Number) as [number, number, number, number];
    const interpolation = name.split('.').at(-1) as Interpolation;
    const source = { top, left, width, height };
    const wanted = imageOf(golden, `output.${name}`);
    expect(difference(resample(cropPixels(image, source), 24, 24, undefined, interpolation), wanted)).toEqual(none);
    const crop = { source, side: 24, filter: interpolation };
    expect(difference(resizeCrop(image, { ...crop, mirror: false }), wanted)).toEqual(none);
    expect(difference(flipHorizontal(resizeCrop(image, { ...crop, mirror: true })), wanted)).toEqual(none);
  });
});
