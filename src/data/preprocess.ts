import { UserError } from '../graph/errors.ts';
import { chosenPreprocessing, preprocessingOf } from '../formats/preprocessing/foreignPreprocessor.ts';
import { show } from '../formats/disk/jsonValue.ts';
import type { Preprocessing } from '../formats/savedModel.ts';
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

/**
 * A model's preprocessor_config.json, parsed: of Understudy or of transformers, whose image processors are computed as they are in
 * Python with Pillow.
 */
export interface PreprocessorConfig {
  readonly image_processor_type?: string;
  readonly size?: unknown;
  readonly crop_size?: unknown;
  readonly image_mean?: number | readonly number[];
  readonly image_std?: number | readonly number[];
  /** Pillow's number of the filter; the processor's own, else 3, bicubic, where it is left out. */
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
  const { how, flipsChannels } = readConfig(config);
  const out = inputPixels(rgb(image), how);
  if (!flipsChannels) return out;
  const plane = how.imageSize ** 2;
  const blue = out.slice(2 * plane);
  out.copyWithin(2 * plane, 0, plane);
  out.set(blue);
  return out;
}

/** Resized, cut and normalised: float32 [3,S,S]. */
export function inputPixels(image: Pixels, how: Preprocessing): Float32Array {
  const out = new Float32Array(3 * how.imageSize * how.imageSize);
  normalise(evalPixels(image, how), normaliseTable(how.mean, how.std), out, 0);
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

function readConfig(config: PreprocessorConfig): { readonly how: Preprocessing; readonly flipsChannels: boolean } {
  const said = preprocessingOf(config ?? {}, undefined, 'preprocess');
  const how = said.imageSize === undefined ? undefined : chosenPreprocessing(said, {}, said.imageSize);
  const missing = said.imageSize === undefined ? 'size' : said.mean === undefined ? 'image_mean' : 'image_std';
  if (!how)
    throw new UserError(
      `preprocess: ${missing}: wanted what a preprocessor_config.json says, got ${show(config?.[missing])}. Give the parsed file as the second argument`,
    );
  return { how, flipsChannels: said.flipsChannels ?? false };
}
