import type { Pixels } from '../pixels.ts';

/** Luma of every pixel, [height width], in Pillow's fixed point of ITU-R 601-2. */
export function luma({ data, width, height }: Pixels): Uint8Array {
  const out = new Uint8Array(width * height);
  for (let i = 0, from = 0; i < out.length; i++, from += 3)
    out[i] = (data[from]! * 19595 + data[from + 1]! * 38470 + data[from + 2]! * 7471 + 0x8000) >> 16;
  return out;
}

/** The image without colour, three equal channels (torchvision's Grayscale(3)). */
export function grey(image: Pixels): Pixels {
  const levels = luma(image);
  const data = new Uint8Array(levels.length * 3);
  for (let i = 0, to = 0; i < levels.length; i++, to += 3) data[to] = data[to + 1] = data[to + 2] = levels[i]!;
  return { data, width: image.width, height: image.height };
}
