import { describe, expect, it } from 'vitest';
import { stream } from '../random/stream.ts';
import { normalise, normaliseTable } from './augment/normalise.ts';
import { photoTransform } from './augment/pipeline.ts';
import { type PreprocessorConfig, preprocess } from './preprocess.ts';
import { prepare } from './loading/transform.ts';

const config = {
  size: { shortest_edge: 18 },
  crop_size: { height: 16, width: 16 },
  image_mean: [0.485, 0.456, 0.406],
  image_std: [0.229, 0.224, 0.225],
} satisfies PreprocessorConfig;

function noisy(width: number, height: number) {
  const random = stream('preprocess', width);
  return { data: Uint8Array.from({ length: width * height * 3 }, () => random.below(256)), width, height };
}

/** RGB -> RGBA with this alpha. */
function withAlpha({ data, width, height }: ReturnType<typeof noisy>, alpha: number) {
  const bytes = Array.from({ length: width * height }, (_, i) => [...data.subarray(3 * i, 3 * i + 3), alpha]).flat();
  return { data: Uint8ClampedArray.from(bytes), width, height };
}

describe('preprocess', () => {
  it.each([
    [40, 25],
    [9, 14],
    [16, 16],
  ])('of %i x %i pixels is what evaluation while training computes', async (width, height) => {
    const image = noisy(width, height);
    const square = await prepare(image, { ...photoTransform(16), evalCropRatio: 16 / 18 }, false);
    const wanted = new Float32Array(3 * 16 * 16);
    normalise(square, normaliseTable(config.image_mean, config.image_std), wanted, 0);
    expect(preprocess(image, config)).toEqual(wanted);
  });

  it('resizes with the filter of the config, bicubic where it names none', async () => {
    const image = noisy(40, 25);
    const of = (resample?: number) => preprocess(image, { ...config, ...(resample === undefined ? {} : { resample }) });
    expect(of()).toEqual(of(3));
    expect(new Set([0, 1, 2, 3, 4, 5].map((number) => of(number).join())).size).toBe(6);
    const square = await prepare(image, { ...photoTransform(16), evalCropRatio: 16 / 18, filter: 'bilinear' }, false);
    const wanted = new Float32Array(3 * 16 * 16);
    normalise(square, normaliseTable(config.image_mean, config.image_std), wanted, 0);
    expect(of(2)).toEqual(wanted);
    expect(() => of(6)).toThrow(/preprocess: resample: wanted a filter of Pillow's: 0 \(nearest\), .*, got 6/);
  });

  it('takes RGBA as a canvas gives it, and grey', () => {
    const image = noisy(30, 20);
    expect(preprocess(withAlpha(image, 255), config)).toEqual(preprocess(image, config));
    const grey = { data: Uint8Array.from({ length: 600 }, (_, i) => image.data[3 * i]!), width: 30, height: 20 };
    const tripled = Uint8Array.from({ length: 1800 }, (_, i) => grey.data[Math.floor(i / 3)]!);
    expect(preprocess(grey, config)).toEqual(preprocess({ ...grey, data: tripled }, config));
  });

  it('lays transparent pixels over white', () => {
    const image = noisy(30, 20);
    const white = { ...image, data: new Uint8Array(1800).fill(255) };
    expect(preprocess(withAlpha(image, 0), config)).toEqual(preprocess(white, config));
    const black = { ...image, data: new Uint8Array(1800) };
    const half = { ...image, data: new Uint8Array(1800).fill(204) };
    expect(preprocess(withAlpha(black, 51), config)).toEqual(preprocess(half, config));
  });

  it('refuses what it cannot read, in words', () => {
    const image = noisy(4, 4);
    expect(() => preprocess({ ...image, data: image.data.subarray(1) }, config)).toThrow(
      'preprocess: wanted an image of 1, 3 or 4 bytes a pixel, got 47 bytes for 4 x 4 pixels',
    );
    expect(() => preprocess({ ...image, width: 0 }, config)).toThrow('for 0 x 4 pixels');
    const { image_mean, ...rest } = config;
    expect(image_mean).toHaveLength(3);
    expect(() => preprocess(image, rest as unknown as PreprocessorConfig)).toThrow(/image_mean: wanted .* got nothing/);
    expect(() => preprocess(image, { ...config, size: { height: 3 } } as unknown as PreprocessorConfig)).toThrow(
      /size: wanted .* got \{"height":3\}/,
    );
    expect(() => preprocess(image, undefined as unknown as PreprocessorConfig)).toThrow(/size: wanted .* got nothing/);
  });
});
