import type { Pixels } from '../pixels.ts';

const PASSES = 3;

/**
 * Gaussian blur as three box blurs with soft edges along each axis, 8 bits in between (Gwosdek et al. 2011): Pillow's
 * ImageFilter.GaussianBlur, to the byte. `radius` is the standard deviation in pixels.
 */
export function gaussianBlur(image: Pixels, radius: number): Pixels {
  const { width, height } = image;
  const box = boxRadius(radius);
  const data = image.data.slice(0, width * height * 3);
  for (let y = 0; y < height; y++) for (let c = 0; c < 3; c++) blurLine(data, y * width * 3 + c, 3, width, box);
  for (let x = 0; x < width; x++) for (let c = 0; c < 3; c++) blurLine(data, x * 3 + c, width * 3, height, box);
  return { data, width, height };
}

const { fround } = Math;

/**
 * The box, with a fraction, whose `PASSES` passes have the variance `radius`^2. In float32 step by step, as Pillow's
 * _gaussian_blur_radius: at radii such as 0.7 or 1.4 the bytes would show it.
 */
function boxRadius(radius: number): number {
  const single = fround(radius);
  const variance = fround(fround(single * single) / PASSES);
  const length = fround(Math.sqrt(12 * variance + 1));
  const whole = Math.floor((length - 1) / 2);
  const above = fround((2 * whole + 1) * fround(whole * (whole + 1) - fround(3 * variance)));
  const below = fround(6 * fround(variance - (whole + 1) * (whole + 1)));
  return fround(whole + fround(above / below));
}

/** All passes over one line, in place; beyond its ends it goes on with its last value. */
function blurLine(data: Uint8Array, start: number, stride: number, length: number, box: number): void {
  const radius = Math.floor(box);
  // 24-bit fixed point, as Pillow: the two values at the edges of the box weigh `edge`, those inside `inner`.
  const inner = Math.floor(fround(2 ** 24 / fround(fround(box * 2) + 1)));
  const edge = Math.floor((2 ** 24 - (radius * 2 + 1) * inner) / 2);
  const line = new Uint8Array(length);
  const at = (i: number): number => line[i < 0 ? 0 : i >= length ? length - 1 : i]!;
  for (let pass = 0; pass < PASSES; pass++) {
    for (let i = 0; i < length; i++) line[i] = data[start + i * stride]!;
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += at(i);
    for (let i = 0; i < length; i++) {
      const weighed = sum * inner + (at(i - radius - 1) + at(i + radius + 1)) * edge;
      data[start + i * stride] = (weighed + 2 ** 23) / 2 ** 24;
      sum += at(i + radius + 1) - at(i - radius);
    }
  }
}
