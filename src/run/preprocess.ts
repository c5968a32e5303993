import { normalise, normaliseTable } from '../data/augment/normalise.ts';
import { type Pixels, prepare, type TransformConfig } from '../data/index.ts';
import type { Preprocessing } from '../formats/modelFolderNode.ts';

/**
 * How a saved model sees an image: as its preprocessor_config.json says, for images of every size. The training part is not
 * used; it is 'randomResized' so that an image that has the right size already is treated like all others.
 */
export function evalTransform({ imageSize, mean, std, evalCropRatio }: Preprocessing): TransformConfig {
  const train = { crop: 'randomResized', scale: [1, 1], ratio: [1, 1], padding: 0, flip: 0 } as const;
  return { imageSize, mean, std, evalCropRatio, train };
}

/** RGB bytes -> the model's input [1,3,S,S], float32. */
export async function pixelValues(image: Pixels, preprocessing: Preprocessing): Promise<Float32Array> {
  const { imageSize, mean, std } = preprocessing;
  const square = await prepare(image, evalTransform(preprocessing), false);
  const out = new Float32Array(3 * imageSize * imageSize);
  normalise(square, normaliseTable(mean, std), out, 0);
  return out;
}
