import { UserError } from '../../graph/errors.ts';
import { type Json, show } from '../disk/jsonValue.ts';

/** Keys of a preprocessor_config.json that are read. */
const READ = [
  'image_processor_type',
  'feature_extractor_type',
  'do_resize',
  'size',
  'default_to_square',
  'crop_pct',
  'resample',
  'do_center_crop',
  'crop_size',
  'do_rescale',
  'rescale_factor',
  'rescale_offset',
  'do_normalize',
  'image_mean',
  'image_std',
  'include_top',
  'do_flip_channel_order',
  'understudy',
];

/** Of them those that are on or off; null leaves them to the processor. */
const SWITCHES = READ.filter((key) => key.startsWith('do_') || key === 'rescale_offset' || key === 'include_top');

/** Keys that change no pixel of one picture for a classifier. */
const HARMLESS = [
  // Images are decoded to RGB, whatever they were.
  'do_convert_rgb',
  'auto_map',
  'processor_class',
  'transformers_version',
  'model_input_names',
  '_valid_processor_keys',
  '_processor_class',
  '_name_or_path',
  'name_or_path',
  'use_fast',
  'device',
  'return_tensors',
  'input_data_format',
  'disable_grouping',
  // Of labels and of masks.
  'do_reduce_labels',
  'reduce_labels',
  'do_resize_segmentation',
  'id2label',
  'label2id',
  'num_labels',
  'num_classes',
  'apply_ocr',
  'ocr_lang',
  'tesseract_config',
  'image_seq_length',
];

/** Keys that change pixels in ways that are not computed here, and the values besides null and false that change nothing. */
const REFUSED: Readonly<Record<string, readonly unknown[]>> = {
  data_format: ['channels_first'],
  ensure_multiple_of: [1],
  do_pad: [],
  pad_size: [],
  size_divisor: [],
  size_divisibility: [],
  keep_aspect_ratio: [],
  max_size: [],
  do_thumbnail: [],
  do_align_long_axis: [],
  do_crop_margin: [],
  do_color_quantize: [],
  clusters: [],
  do_image_splitting: [],
  do_split_image: [],
  do_grayscale: [],
  do_convert_grayscale: [],
  do_invert: [],
  do_sample_frames: [],
  num_frames: [],
  offset: [],
  min_pixels: [],
  max_pixels: [],
};

const idle = (value: unknown): boolean => value === undefined || value === null || value === false;

/**
 * Every key of an image processor is read, or known to change no pixel, or refused, or named.
 * @returns a note on those that nothing is known of.
 * @throws UserError for one that changes pixels in a way that is not computed here.
 */
export function checkKeys(file: Json, where: string): string[] {
  for (const key of SWITCHES)
    if (!idle(file[key]) && file[key] !== true)
      throw new UserError(`${where}: ${key}: wanted true, false or null, got ${show(file[key])}`);
  for (const [key, harmless] of Object.entries(REFUSED)) {
    const value = file[key];
    if (idle(value) || harmless.includes(value) || padsNothing(file, key)) continue;
    throw new UserError(
      `${where}: ${key}: wanted a preparation of images that can be computed here (without ${key}), got ${show(value)}. Bring the images to that form beforehand, or set ${key} to ${typeof value === 'boolean' ? 'false' : 'null'} in the file if the model may do without`,
    );
  }
  return unknownKeys(file, [...READ, ...Object.keys(REFUSED)], where);
}

/** A note on the keys that are neither `known` nor known to change nothing. */
export function unknownKeys(file: Json, known: readonly string[], where: string): string[] {
  const names = new Set([...known, ...HARMLESS]);
  const unknown = Object.keys(file).filter((key) => !names.has(key) && !idle(file[key]));
  return unknown.length === 0
    ? []
    : [
        `${where}: nothing is known of ${unknown.join(', ')}; if pixels depend on ${unknown.length === 1 ? 'it' : 'them'}, they differ here`,
      ];
}

/** Squares of one size need no padding to lie in one batch: `do_pad` without a size of its own, or with the square's. */
function padsNothing(file: Json, key: string): boolean {
  if (key !== 'do_pad' && key !== 'pad_size') return false;
  if (idle(file.do_pad)) return true;
  const square = file.do_center_crop === true ? file.crop_size : file.size;
  return idle(file.pad_size) || JSON.stringify(sides(file.pad_size)) === JSON.stringify(sides(square));
}

function sides(value: unknown): unknown {
  const { height, width } = (value ?? {}) as { height?: unknown; width?: unknown };
  return [height, width];
}
