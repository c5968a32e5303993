import { UserError } from '../graph/errors.ts';
import { type Filter, FILTERS } from '../nn/resampling.ts';
import { evalPixels } from './augment/evalPixels.ts';
import { normalise, normaliseTable } from './augment/normalise.ts';
import type { Pixels } from './augment/pixels.ts';

/**
 * Bytes of an image: RGBA as a canvas gives them (ImageData), RGB, or grey; transformers.js's RawImage fits too. How many
 * channels there are follows from the length of `data`.
 */
export interface ImageBytes {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** What is read of a model's preprocessor_config.json. */
export interface PreprocessorConfig {
  readonly size: { readonly shortest_edge: number };
  readonly crop_size: { readonly height: number; readonly width: number };
  readonly image_mean: readonly number[];
  readonly image_std: readonly number[];
  /** Pillow's number of the filter; 3, bicubic, where it is left out. */
  readonly resample?: number;
  readonly [other: string]: unknown;
}

/**
 * An image as the model's input: float32 [3,S,S], to be fed as `pixel_values` of shape [1,3,S,S]. `config` is the model's
 * preprocessor_config.json. It is the very code that evaluates while training, plain TypeScript without a platform, so the
 * numbers are the same in Node and in every browser.
 * Our choice: transparent pixels are laid over white, as Understudy's decoder does.
 * @throws UserError if the image or the config is not of this form.
 */
export function preprocess(image: ImageBytes, config: PreprocessorConfig): Float32Array {
  checkConfig(config);
  const { size, crop_size: crop, image_mean: mean, image_std: std, resample = 3 } = config;
  return inputPixels(rgb(image), {
    imageSize: crop.height,
    evalCropRatio: crop.height / size.shortest_edge,
    mean,
    std,
    filter: FILTERS[resample],
  });
}

/** Resized, cut and normalised: float32 [3,S,S]. */
export function inputPixels(
  image: Pixels,
  how: {
    readonly imageSize: number;
    readonly evalCropRatio: number;
    readonly mean: readonly number[];
    readonly std: readonly number[];
    readonly filter?: Filter | undefined;
  },
): Float32Array {
  const out = new Float32Array(3 * how.imageSize * how.imageSize);
  normalise(evalPixels(image, how.imageSize, how.evalCropRatio, how.filter), normaliseTable(how.mean, how.std), out, 0);
  return out;
}

function rgb({ data, width, height }: ImageBytes): Pixels {
  const count = width * height;
  const channels = count > 0 ? data.length / count : 0;
  if (![1, 3, 4].includes(channels))
    throw new UserError(
      `preprocess: wanted an image of 1, 3 or 4 bytes a pixel, got ${data.length} bytes for ${width} x ${height} pixels`,
    );
  if (channels === 3) return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
  const out = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++)
    for (let c = 0; c < 3; c++) {
      const value = data[channels === 1 ? i : 4 * i + c]!;
      const alpha = channels === 1 ? 255 : data[4 * i + 3]!;
      out[3 * i + c] = alpha === 255 ? value : Math.round((value * alpha + 255 * (255 - alpha)) / 255);
    }
  return { data: out, width, height };
}

function checkConfig(config: PreprocessorConfig): void {
  const three = (value: unknown) => Array.isArray(value) && value.length === 3 && value.every(Number.isFinite);
  const wanted: readonly (readonly [string, unknown, boolean])[] = [
    ['size', config?.size, config?.size?.shortest_edge > 0],
    [
      'crop_size',
      config?.crop_size,
      config?.crop_size?.height > 0 && config.crop_size.height === config.crop_size.width,
    ],
    ['image_mean', config?.image_mean, three(config?.image_mean)],
    ['image_std', config?.image_std, three(config?.image_std)],
    ['resample', config?.resample, FILTERS.some((_, number) => number === (config?.resample ?? 3))],
  ];
  for (const [key, value, fits] of wanted)
    if (!fits)
      throw new UserError(
        `preprocess: ${key}: wanted what Understudy writes to preprocessor_config.json, got ${JSON.stringify(value) ?? 'nothing'}. Give the parsed file as the second argument`,
      );
}
