import { type Filter, resamplingSpans, type Spans } from '../../nn/resampling.ts';
import { flipHorizontal } from './flip.ts';
import { normalise } from './normalise.ts';
import { type Box, cropPixels, type Pixels } from './pixels.ts';
import { type AxisWeights, type Planes, type Resizing, vectorPasses } from './resampleVector.ts';

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
  if (width === image.width && height === image.height) return cropPixels(image, box);
  const source = { left: 0, top: 0, width: image.width, height: image.height };
  const across = axisWeights(image.width, width, box.left, box.width, filter);
  const down = axisWeights(image.height, height, box.top, box.height, filter);
  return resized({ image, source, across, down, mirror: false });
}

/** A random crop: `source` cut out, brought to side x side, and mirrored or not. It is read where it is, and mirrored in the first pass. */
export interface Crop {
  readonly source: Box;
  readonly side: number;
  readonly filter: Filter;
  readonly mirror: boolean;
}

export const resizeCrop = (image: Pixels, crop: Crop): Pixels => resized(resizingOf(image, crop));

/** The same, normalised: its bytes are never anywhere else. */
export function resizeCropTo(planes: Planes, image: Pixels, crop: Crop): void {
  const wanted = resizingOf(image, crop);
  if (vectorPasses()?.resizeTo(planes, wanted)) return;
  normalise(resizePlainly(wanted), planes.table, planes.out, planes.offset);
}

function resizingOf(image: Pixels, { source, side, filter, mirror }: Crop): Resizing {
  const across = axisWeights(source.width, side, 0, side, filter);
  const down = axisWeights(source.height, side, 0, side, filter);
  return { image, source, across, down, mirror };
}

function resized(wanted: Resizing): Pixels {
  const data = vectorPasses()?.resize(wanted);
  if (!data) return resizePlainly(wanted);
  return { data, width: wanted.across.first.length, height: wanted.down.first.length };
}

/** Without vectors. An axis that keeps its size has weights of 1 and 0, so it needs no case of its own. */
export function resizePlainly({ image, source, across, down, mirror }: Resizing): Pixels {
  const cut = cropPixels(image, source);
  const [width, height] = [across.first.length, down.first.length];
  const top = down.first[0]!;
  const narrow = resizeRows(cut.data, source.width, across, width, top, down.first.at(-1)! + down.count.at(-1)!);
  const out = { data: resizeColumns(narrow, down, 3 * width, height, top), width, height };
  return mirror ? flipHorizontal(out) : out;
}

/** Fraction bits of a weight: sums of bytes times weights stay within 32 bits. */
const BITS = 22;
const HALF = 1 << (BITS - 1);

/** Our choice: room for the tables of all crops from photos of 500 pixels, twice; a worker has no more than this. */
const KEPT_BYTES = 8 * 2 ** 20;
const kept = new Map<string, AxisWeights>();
let keptBytes = 0;

/** Crops come back to the same few hundred lengths, so tables are kept: making them was a tenth of a crop's time. Not to be written to. */
export function axisWeights(from: number, to: number, start: number, length: number, filter: Filter): AxisWeights {
  const key = `${from} ${to} ${start} ${length} ${filter}`;
  const known = kept.get(key);
  if (known) return known;
  const axis = makeAxis(resamplingSpans(from, to, start, length, filter));
  const bytes = axis.weights.byteLength + 2 * axis.first.byteLength;
  if (keptBytes + bytes > KEPT_BYTES) {
    kept.clear();
    keptBytes = 0;
  }
  if (bytes > KEPT_BYTES) return axis;
  kept.set(key, axis);
  keptBytes += bytes;
  return axis;
}

function makeAxis({ weights, ...spans }: Spans): AxisWeights {
  const fixed = new Int32Array(weights.length);
  for (let k = 0; k < fixed.length; k++) fixed[k] = fixedPoint(weights[k]!);
  return { ...spans, weights: fixed };
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

const bytes = (clamped: Uint8ClampedArray): Uint8Array => new Uint8Array(clamped.buffer);
