/** The input pixels that an output pixel is made of: `weights` from pixel `first` on; they sum to 1. */
export interface Span {
  readonly first: number;
  readonly weights: Float64Array;
}

export type Interpolation = 'bicubic' | 'bilinear';

/**
 * Resize of an axis from `from` to `to` pixels, output pixel `i`: a triangle, or a cubic with a = -0.5, stretched where the axis
 * shrinks (antialiasing), as Pillow's Image.resize does.
 */
export function resamplingSpan(i: number, from: number, to: number, interpolation: Interpolation = 'bicubic'): Span {
  const [kernel, reach] = interpolation === 'bicubic' ? [cubic, 2] : [triangle, 1];
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const inverse = 1 / stretch;
  const centre = (i + 0.5) * scale;
  const first = Math.max(0, Math.trunc(centre - reach * stretch + 0.5));
  const end = Math.min(from, Math.trunc(centre + reach * stretch + 0.5));
  const weights = new Float64Array(end - first);
  let total = 0;
  for (let k = 0; k < weights.length; k++) {
    weights[k] = kernel((k + first - centre + 0.5) * inverse);
    total += weights[k]!;
  }
  for (let k = 0; k < weights.length; k++) weights[k]! /= total;
  return { first, weights };
}

const triangle = (x: number): number => Math.max(0, 1 - Math.abs(x));

function cubic(x: number): number {
  const [a, t] = [-0.5, Math.abs(x)];
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}
