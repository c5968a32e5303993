/** The input pixels that an output pixel is made of: `weights` from pixel `first` on; they sum to 1. */
export interface Span {
  readonly first: number;
  readonly weights: Float64Array;
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
  bicubic: [cubic, 2],
  box: [(x) => (x > -0.5 && x <= 0.5 ? 1 : 0), 0.5],
  hamming: [(x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0), 1],
};

/**
 * Resize of an axis from `from` to `to` pixels, output pixel `i`: a kernel stretched where the axis shrinks (antialiasing), or the
 * nearest pixel alone, as Pillow's Image.resize does.
 */
export function resamplingSpan(i: number, from: number, to: number, filter: Filter = 'bicubic'): Span {
  const scale = from / to;
  if (filter === 'nearest') return { first: Math.floor((i + 0.5) * scale), weights: Float64Array.of(1) };
  const [kernel, reach] = KERNELS[filter];
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

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

function cubic(x: number): number {
  const [a, t] = [-0.5, Math.abs(x)];
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}
