/** The input pixels that an output pixel is made of: `weights` from pixel `first` on; they sum to 1. */
export interface Span {
  readonly first: number;
  readonly weights: Float64Array;
}

/** Several spans: that of output pixel i has the `count[i]` weights from `weights[i * taps]` on, input pixels from `first[i]` on. */
export interface Spans {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Float64Array;
  readonly taps: number;
}

export type Interpolation = 'bicubic' | 'bilinear';

/**
 * Resize of an axis from `from` to `to` pixels, output pixel `i`: a triangle, or a cubic with a = -0.5, stretched where the axis
 * shrinks (antialiasing), as Pillow's Image.resize does.
 */
export function resamplingSpan(i: number, from: number, to: number, interpolation: Interpolation = 'bicubic'): Span {
  const { first, weights } = resamplingSpans(from, to, i, 1, interpolation);
  return { first: first[0]!, weights };
}

/** The same for `length` output pixels from `start` on; a crop needs several hundred, so no pixel has objects of its own. */
export function resamplingSpans(
  from: number,
  to: number,
  start: number,
  length: number,
  interpolation: Interpolation,
): Spans {
  const [kernel, reach] = interpolation === 'bicubic' ? [cubic, 2] : [triangle, 1];
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const inverse = 1 / stretch;
  const [first, count] = [new Int32Array(length), new Int32Array(length)];
  let taps = 0;
  for (let i = 0; i < length; i++) {
    const centre = (start + i + 0.5) * scale;
    first[i] = Math.max(0, Math.trunc(centre - reach * stretch + 0.5));
    count[i] = Math.min(from, Math.trunc(centre + reach * stretch + 0.5)) - first[i]!;
    taps = Math.max(taps, count[i]!);
  }
  const weights = new Float64Array(length * taps);
  for (let i = 0; i < length; i++) {
    const [at, pixel, centre] = [i * taps, first[i]!, (start + i + 0.5) * scale];
    const end = at + count[i]!;
    let total = 0;
    for (let k = at; k < end; k++) {
      weights[k] = kernel((k - at + pixel - centre + 0.5) * inverse);
      total += weights[k]!;
    }
    for (let k = at; k < end; k++) weights[k]! /= total;
  }
  return { first, count, weights, taps };
}

const triangle = (x: number): number => Math.max(0, 1 - Math.abs(x));

function cubic(x: number): number {
  const [a, t] = [-0.5, Math.abs(x)];
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}
