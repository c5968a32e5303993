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

/** The filters of augmentations. */
export type Interpolation = 'bicubic' | 'bilinear';

/** All filters of Pillow's Image.resize; the place in the list is Pillow's number of it (`resample` of a preprocessor_config.json). */
export const FILTERS = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const;
export type Filter = (typeof FILTERS)[number];

type Kernel = readonly [weight: (x: number) => number, reach: number];

/** Source: the formulas in Pillow's documentation of its filters; its numbers are tests/golden/resize.json. */
const KERNELS: Readonly<Record<Exclude<Filter, 'nearest'>, Kernel>> = {
  lanczos: [(x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0), 3],
  bilinear: [(x) => Math.max(0, 1 - Math.abs(x)), 1],
  bicubic: [(x) => cubic(x), 2],
  box: [(x) => (x > -0.5 && x <= 0.5 ? 1 : 0), 0.5],
  hamming: [(x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0), 1],
};

/**
 * Resize of an axis from `from` to `to` pixels, output pixel `i`: a kernel stretched where the axis shrinks (antialiasing), or the
 * nearest pixel alone, as Pillow's Image.resize does.
 */
export function resamplingSpan(i: number, from: number, to: number, filter: Filter = 'bicubic'): Span {
  const { first, weights } = resamplingSpans(from, to, i, 1, filter);
  return { first: first[0]!, weights };
}

/** The same for `length` output pixels from `start` on; a crop needs several hundred, so no pixel has objects of its own. */
export function resamplingSpans(from: number, to: number, start: number, length: number, filter: Filter): Spans {
  const scale = from / to;
  if (filter === 'nearest') return nearest(scale, start, length);
  const [kernel, reach] = KERNELS[filter];
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

/** Positions are added up pixel by pixel, as Pillow does, whose rounding decides where one falls between two pixels. */
function nearest(scale: number, start: number, length: number): Spans {
  const first = new Int32Array(length);
  for (let i = 0, at = scale / 2; i < start + length; i++, at += scale)
    if (i >= start) first[i - start] = Math.floor(at);
  return { first, count: new Int32Array(length).fill(1), weights: new Float64Array(length).fill(1), taps: 1 };
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Keys' cubic convolution (1981); a = -0.5 is Pillow's. */
export function cubic(x: number, a = -0.5): number {
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}
