import type { Pixels } from '../../data/augment/pixels.ts';
import type { TransformConfig } from '../../data/augment/pipeline.ts';
import { inputPixels } from '../../data/preprocess.ts';
import { UserError } from '../../graph/errors.ts';
import type { Preprocessing } from '../../formats/savedModel.ts';

/**
 * How a saved model sees an image: as its preprocessor_config.json says, for images of every size. The training part is not
 * used; it is 'randomResized' so that an image that has the right size already is treated like all others.
 */
export function evalTransform({
  imageSize,
  mean,
  std,
  evalCropRatio,
  geometry,
  filter,
}: Preprocessing): TransformConfig {
  const train = { crop: 'randomResized', scale: [1, 1], ratio: [1, 1], padding: 0, flip: 0 } as const;
  return { imageSize, mean, std, evalCropRatio, geometry, filter, train };
}

/**
 * RGB bytes -> the model's input [1,3,S,S], float32.
 * @param where what messages call the image.
 */
export function pixelValues(image: Pixels, preprocessing: Preprocessing, where = 'image'): Float32Array {
  try {
    return inputPixels(image, preprocessing);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${where}: ${error.message}`) : error;
  }
}
