import { UserError } from '../../graph/errors.ts';
import { FILTERS } from '../../nn/resampling.ts';
import { chosenPreprocessing, preprocessingOf } from './foreignPreprocessor.ts';
import { geometryOf, type Resize } from './geometry.ts';
import { type Json, show } from '../disk/jsonValue.ts';
import type { Preprocessing } from '../savedModel.ts';

/**
 * A preprocessor_config.json of transformers' for a model of ours: that of its image processors whose resize and crop are these.
 * Where the centre is cut as torchvision does, a section of our own says so: transformers cuts one pixel to the left or top of it
 * where the margin leaves 3 when it is divided by 4, and no key of its processors says otherwise.
 * @throws UserError for a geometry that none of them has.
 */
export function preprocessorFile(preprocessing: Preprocessing): object {
  const { imageSize, mean, std, evalCropRatio, geometry, filter } = preprocessing;
  const { resize, centre } = geometryOf(preprocessing);
  if (resize.to === 'longer')
    throw new UserError(
      "the model's preprocessing (timm's crop_mode border) lays images on a coloured square, which no image processor of transformers does: wanted another one to write it to preprocessor_config.json. Change crop_mode in its config.json to center or squash",
    );
  const cuts = resize.to === 'nothing' ? resize.cut : !isExactly(resize, imageSize);
  return {
    image_processor_type: processorFor(resize, cuts),
    do_convert_rgb: true,
    do_resize: resize.to !== 'nothing',
    size: sizeFor(resize, imageSize),
    resample: FILTERS.indexOf(filter ?? 'bicubic'),
    do_center_crop: cuts,
    ...(cuts && { crop_size: { height: imageSize, width: imageSize } }),
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
    ...(geometry ? {} : { crop_pct: evalCropRatio }),
    ...(cuts && centre === 'even' && { understudy: { centre } }),
  };
}

const isExactly = (resize: Resize, side: number): boolean =>
  resize.to === 'exactly' && resize.width === side && resize.height === side;

/** transformers.js has these three too. */
function processorFor(resize: Resize, cuts: boolean): string {
  if (resize.to === 'shorter') return 'CLIPImageProcessor';
  return cuts ? 'DeiTImageProcessor' : 'ViTImageProcessor';
}

function sizeFor(resize: Resize, imageSize: number): object {
  if (resize.to === 'shorter') return { shortest_edge: resize.side };
  if (resize.to === 'exactly') return { height: resize.height, width: resize.width };
  return { height: imageSize, width: imageSize };
}

/** What a folder of ours says. Its file is read as others are, so that a key that somebody changed is not passed over. */
export function readPreprocessorFile(raw: Json, imageSize: number, path: string): Preprocessing {
  for (const key of ['image_mean', 'image_std'])
    if (!Array.isArray(raw[key])) throw new UserError(`${path}: ${key}: wanted three numbers, got ${show(raw[key])}`);
  const said = preprocessingOf(raw, undefined, path);
  if (said.flipsChannels)
    throw new UserError(
      `${path}: do_flip_channel_order: wanted false, since this model takes red, green, blue, got true`,
    );
  return chosenPreprocessing(said, {}, imageSize)!;
}
