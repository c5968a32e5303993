import type { Stream } from '../../random/stream.ts';
import type { Pixels } from './pixels.ts';

/** Offset of the window in the padded image, each in 0..2*padding (torchvision's RandomCrop with `padding`). */
export function padCropOffset(padding: number, random: Stream): { left: number; top: number } {
  return { top: random.below(2 * padding + 1), left: random.below(2 * padding + 1) };
}

/**
 * The window of the image's own size at (left, top) of the image padded with `padding` black pixels on each side.
 * No resampling. He et al. 2015 (ResNet), section 4.2, uses padding 4 for 32x32 images.
 */
export function padCrop(image: Pixels, padding: number, left: number, top: number): Pixels {
  const { width, height } = image;
  const data = new Uint8Array(width * height * 3);
  const [dx, dy] = [left - padding, top - padding];
  const first = Math.max(0, -dx);
  const columns = width - Math.abs(dx);
  if (columns <= 0) return { data, width, height };
  for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
    const from = ((y + dy) * width + first + dx) * 3;
    data.set(image.data.subarray(from, from + columns * 3), (y * width + first) * 3);
  }
  return { data, width, height };
}
