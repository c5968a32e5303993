import { type Filter, resamplingSpan } from '../../nn/resampling.ts';
import type { Box, Pixels } from './pixels.ts';
import { type AxisWeights, vectorPasses, vectorsTake } from './resampleVector.ts';

/**
 * Resize with antialiasing, of which only `box` is computed. The same in Node and in the browser, and bit for
 * bit what Pillow's Image.resize gives: the kernel stretched where the image shrinks, rows first,
 * both passes rounded to bytes, weights in fixed point. Source: Pillow's documentation of its filters, and its numbers
 * (tests/golden/makeResize.py). The passes are in plain TypeScript here and, where WebAssembly has vectors, in resample.wat.
 */
export function resample(
  image: Pixels,
  width: number,
  height: number,
  box: Box = { left: 0, top: 0, width, height },
  filter: Filter = 'bicubic',
): Pixels {
  const across = axisWeights(image.width, width, box.left, box.width, filter);
  const down = axisWeights(image.height, height, box.top, box.height, filter);
  // Rows that the second pass reads.
  const same = height === image.height;
  const top = same ? box.top : down.first[0]!;
  const bottom = same ? box.top + box.height : down.first.at(-1)! + down.count.at(-1)!;
  const vector = vectorsTake((image.width + width) * 3 * (bottom - top)) ? vectorPasses() : undefined;
  const rows = vector?.rows ?? resizeRows;
  const columns = vector?.columns ?? resizeColumns;
  const narrow =
    width === image.width
      ? cut(image, box, top, bottom)
      : rows(image.data, image.width, across, box.width, top, bottom);
  const data = same ? narrow : columns(narrow, down, 3 * box.width, box.height, top);
  return { data, width: box.width, height: box.height };
}

/** Fraction bits of a weight: sums of bytes times weights stay within 32 bits. */
const BITS = 22;
const HALF = 1 << (BITS - 1);

export function axisWeights(from: number, to: number, start: number, length: number, filter: Filter): AxisWeights {
  const spans = Array.from({ length }, (_, i) => resamplingSpan(start + i, from, to, filter));
  const taps = Math.max(...spans.map(({ weights }) => weights.length));
  const weights = new Int32Array(length * taps);
  spans.forEach((span, i) => {
    weights.set(span.weights.map(fixedPoint), i * taps);
  });
  return {
    first: Int32Array.from(spans, ({ first }) => first),
    count: Int32Array.from(spans, (span) => span.weights.length),
    weights,
    taps,
  };
}

const fixedPoint = (weight: number): number => Math.trunc(weight * (1 << BITS) + (weight < 0 ? -0.5 : 0.5));

export function resizeRows(
  data: Uint8Array,
  width: number,
  axis: AxisWeights,
  columns: number,
  top: number,
  bottom: number,
): Uint8Array {
  const { first, count, weights, taps } = axis;
  const out = new Uint8ClampedArray((bottom - top) * columns * 3);
  let to = 0;
  for (let y = top; y < bottom; y++)
    for (let x = 0; x < columns; x++) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      let at = (y * width + first[x]!) * 3;
      for (let k = x * taps, end = k + count[x]!; k < end; k++, at += 3) {
        const w = weights[k]!;
        r = (r + Math.imul(data[at]!, w)) | 0;
        g = (g + Math.imul(data[at + 1]!, w)) | 0;
        b = (b + Math.imul(data[at + 2]!, w)) | 0;
      }
      out[to++] = r >> BITS;
      out[to++] = g >> BITS;
      out[to++] = b >> BITS;
    }
  return bytes(out);
}

export function resizeColumns(
  data: Uint8Array,
  axis: AxisWeights,
  row: number,
  height: number,
  top: number,
): Uint8Array {
  const { first, count, weights, taps } = axis;
  const out = new Uint8ClampedArray(height * row);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    for (let k = 0; k < count[y]!; k++) {
      const w = weights[y * taps + k]!;
      const from = (first[y]! + k - top) * row;
      for (let x = 0; x < row; x++) sums[x] = (sums[x]! + Math.imul(data[from + x]!, w)) | 0;
    }
    for (let x = 0; x < row; x++) out[y * row + x] = sums[x]! >> BITS;
  }
  return bytes(out);
}

/** The columns of `box` and the rows from `top` to `bottom`. */
function cut({ data, width }: Pixels, box: Box, top: number, bottom: number): Uint8Array {
  const row = box.width * 3;
  const out = new Uint8Array((bottom - top) * row);
  for (let y = top; y < bottom; y++) {
    const from = (y * width + box.left) * 3;
    out.set(data.subarray(from, from + row), (y - top) * row);
  }
  return out;
}

const bytes = (clamped: Uint8ClampedArray): Uint8Array => new Uint8Array(clamped.buffer);
