import type { Interpolation } from '../../nn/resampling.ts';
import type { Pixels } from './pixels.ts';

export type { Interpolation };

/** [a, b, c, d, e, f]: the output point (x, y) shows the input point (a x + b y + c, d x + e y + f). */
export type Matrix = readonly [number, number, number, number, number, number];
/** What shows where the input ends, R, G, B. */
export type Fill = readonly [number, number, number];

/** Sheared along x: torchvision's and timm's ShearX. */
export const shearX = (factor: number): Matrix => [1, factor, 0, 0, 1, 0];
export const shearY = (factor: number): Matrix => [1, 0, 0, factor, 1, 0];
/** Moved to the left by `pixels`. */
export const translateX = (pixels: number): Matrix => [1, 0, pixels, 0, 1, 0];
export const translateY = (pixels: number): Matrix => [1, 0, 0, 0, 1, pixels];

/** Turned counter-clockwise about the centre (Pillow's Image.rotate). */
export function rotation(degrees: number, width: number, height: number): Matrix {
  const angle = (-degrees * Math.PI) / 180;
  // Pillow rounds them too: its bytes are cut off, so the last bit can show.
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)].map((x) => Number(x.toFixed(15))) as [number, number];
  const [x, y] = [width / 2, height / 2];
  return [cos, sin, cos * -x + sin * -y + x, -sin, cos, -sin * -x + cos * -y + y];
}

/**
 * The image seen through an affine map, as Pillow's Image.transform does it: pixel centres at .5, no antialiasing, its cubic
 * (a = -1), results cut off and not rounded. Plain typed arrays: faster than the way through sharp, whose affine has another cubic.
 */
export function affine(image: Pixels, matrix: Matrix, interpolation: Interpolation, fill: Fill): Pixels {
  const { width, height } = image;
  const [a, b, c, d, e, f] = matrix;
  const out = new Uint8Array(width * height * 3);
  const sample = interpolation === 'bicubic' ? cubicSample : linearSample;
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const [u, v] = [a * (x + 0.5) + b * (y + 0.5) + c, d * (x + 0.5) + e * (y + 0.5) + f];
      if (u >= 0 && v >= 0 && u < width && v < height) sample(image, u - 0.5, v - 0.5, out, to);
      else [out[to], out[to + 1], out[to + 2]] = fill;
    }
  }
  return { data: out, width, height };
}

const clamp = (x: number, size: number): number => (x < 0 ? 0 : x >= size ? size - 1 : x);

function linearSample({ data, width, height }: Pixels, u: number, v: number, out: Uint8Array, to: number): void {
  const [x, y] = [Math.floor(u), Math.floor(v)];
  const [dx, dy] = [u - x, v - y];
  const [left, right] = [clamp(x, width) * 3, clamp(x + 1, width) * 3];
  const [top, bottom] = [clamp(y, height) * width * 3, clamp(y + 1, height) * width * 3];
  for (let c = 0; c < 3; c++) {
    const above = data[top + left + c]! + (data[top + right + c]! - data[top + left + c]!) * dx;
    const below = data[bottom + left + c]! + (data[bottom + right + c]! - data[bottom + left + c]!) * dx;
    out[to + c] = above + (below - above) * dy;
  }
}

/** Pillow's cubic through four values, at `d` of the way from the second to the third. */
function cubic(v1: number, v2: number, v3: number, v4: number, d: number): number {
  const p3 = 2 * (v1 - v2) + v3 - v4;
  const p4 = v2 - v1 - v3 + v4;
  return v2 + d * (v3 - v1 + d * (p3 + d * p4));
}

function cubicSample({ data, width, height }: Pixels, u: number, v: number, out: Uint8Array, to: number): void {
  const x = Math.floor(u);
  const y = Math.floor(v);
  const dx = u - x;
  const dy = v - y;
  const x0 = clamp(x - 1, width) * 3;
  const x1 = clamp(x, width) * 3;
  const x2 = clamp(x + 1, width) * 3;
  const x3 = clamp(x + 2, width) * 3;
  const row = width * 3;
  for (let c = 0; c < 3; c++) {
    const middle = clamp(y, height) * row + c;
    let value = cubic(data[middle + x0]!, data[middle + x1]!, data[middle + x2]!, data[middle + x3]!, dx);
    // Shears and shifts along x fall on whole rows: three of four rows are not needed then.
    if (dy !== 0) {
      const above = clamp(y - 1, height) * row + c;
      const below = clamp(y + 1, height) * row + c;
      const last = clamp(y + 2, height) * row + c;
      const v1 = cubic(data[above + x0]!, data[above + x1]!, data[above + x2]!, data[above + x3]!, dx);
      const v3 = cubic(data[below + x0]!, data[below + x1]!, data[below + x2]!, data[below + x3]!, dx);
      const v4 = cubic(data[last + x0]!, data[last + x1]!, data[last + x2]!, data[last + x3]!, dx);
      value = cubic(v1, value, v3, v4, dy);
    }
    out[to + c] = value <= 0 ? 0 : value >= 255 ? 255 : value;
  }
}
