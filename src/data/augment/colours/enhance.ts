import { grey, luma } from './grey.ts';
import type { Pixels } from '../pixels.ts';

/** Pillow's ImageEnhance: 0 gives the image without the property, 1 the image itself, more exaggerates. */
export function colour(image: Pixels, factor: number): Pixels {
  return blend(grey(image).data, image, factor);
}

/** Against the mean luma. */
export function contrast(image: Pixels, factor: number): Pixels {
  const levels = luma(image);
  const mean = Math.floor(levels.reduce((sum, x) => sum + x, 0) / levels.length + 0.5);
  return blend(new Uint8Array(image.data.length).fill(mean), image, factor);
}

/** Against black. */
export function brightness(image: Pixels, factor: number): Pixels {
  return blend(new Uint8Array(image.data.length), image, factor);
}

/** Against the image smoothed by 3 x 3 weights 1, and 5 in the middle; the border stays. */
export function sharpness(image: Pixels, factor: number): Pixels {
  return blend(smooth(image), image, factor);
}

/** `from` + factor (image - from) in float32 and cut off, not rounded, as Pillow's Image.blend: so it is equal to the byte. */
function blend(from: Uint8Array, { data, width, height }: Pixels, factor: number): Pixels {
  const size = width * height * 3;
  const out = new Uint8Array(size);
  const alpha = Math.fround(factor);
  for (let i = 0; i < size; i++) {
    const base = from[i]!;
    const value = Math.fround(base + Math.fround(alpha * (data[i]! - base)));
    out[i] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
  return { data: out, width, height };
}

function smooth({ data, width, height }: Pixels): Uint8Array {
  const out = data.slice(0, width * height * 3);
  const row = width * 3;
  for (let y = 1; y < height - 1; y++)
    for (let i = y * row + 3; i < (y + 1) * row - 3; i++) {
      const above = data[i - row - 3]! + data[i - row]! + data[i - row + 3]!;
      const below = data[i + row - 3]! + data[i + row]! + data[i + row + 3]!;
      out[i] = (above + below + data[i - 3]! + 5 * data[i]! + data[i + 3]!) / 13 + 0.5;
    }
  return out;
}
