import { geometryOf, placeSquare, type Square } from '../../formats/preprocessing/geometry.ts';
import type { Filter } from '../../nn/resampling.ts';
import { type Box, type Pixels, pastePixels } from './pixels.ts';
import { resample } from './resample.ts';

/** The square that a model sees in evaluation, of an image of any shape. */
export function evalPixels(image: Pixels, how: Square & { readonly filter?: Filter | undefined }): Pixels {
  const { imageSize, filter = 'bicubic' } = how;
  const geometry = geometryOf(how);
  const { resized, box } = placeSquare(image.width, image.height, imageSize, geometry);
  const left = Math.max(0, box.left);
  const top = Math.max(0, box.top);
  const inside: Box = {
    left,
    top,
    width: Math.min(resized.width, box.left + box.width) - left,
    height: Math.min(resized.height, box.top + box.height) - top,
  };
  const part = resample(image, resized.width, resized.height, inside, filter);
  if (inside.width === box.width && inside.height === box.height) return part;
  return pastePixels(part, { ...box, left: left - box.left, top: top - box.top }, geometry.fill ?? [0, 0, 0]);
}
