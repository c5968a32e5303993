import type { Stream } from '../../random/stream.ts';
import type { Box } from './pixels.ts';

/** timm's: area as a share of the image, height / width log-uniform, so many tries for a box that fits. */
const AREA = [0.02, 1 / 3] as const;
const ASPECT = [0.3, 1 / 0.3] as const;
const TRIES = 10;

/** The box that is erased, or none: with `probability`, and where one of ten boxes fits. */
export function erasingBox(size: number, probability: number, random: Stream): Box | undefined {
  if (random.uniform() >= probability) return undefined;
  for (let i = 0; i < TRIES; i++) {
    const area = size * size * (AREA[0] + (AREA[1] - AREA[0]) * random.uniform());
    const [low, high] = [Math.log(ASPECT[0]), Math.log(ASPECT[1])];
    const aspect = Math.exp(low + (high - low) * random.uniform());
    const [height, width] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
    if (width < size && height < size)
      return { top: random.below(size - height + 1), left: random.below(size - width + 1), width, height };
  }
  return undefined;
}

/**
 * Random erasing (Zhong et al., arXiv 1708.04896) in timm's mode "pixel", as DeiT uses it: standard normal noise for each value
 * of a box, after normalisation. Writes to the planes [3, size, size] of `pixels` from `offset`. The box
 * is drawn for an image of `drawnAt` pixels and scaled: the same draws erase the same place at any size.
 */
export function randomErasing(
  pixels: Float32Array,
  offset: number,
  size: number,
  probability: number,
  random: Stream,
  drawnAt = size,
): void {
  const box = erasingBox(drawnAt, probability, random);
  if (!box) return;
  const at = (edge: number) => Math.round((edge * size) / drawnAt);
  const [left, right] = [at(box.left), at(box.left + box.width)];
  for (let c = 0; c < 3; c++)
    for (let y = at(box.top); y < at(box.top + box.height); y++) {
      const row = offset + (c * size + y) * size;
      for (let x = left; x < right; x++) pixels[row + x] = random.normal();
    }
}
