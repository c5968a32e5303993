import { RESAMPLE_WASM } from './generated/resampleWasm.ts';
import type { Box, Pixels } from './pixels.ts';

/** Where each output pixel of an axis reads, and with which weights: `count` of them from `first`, at `i * taps`; the rest are 0. */
export interface AxisWeights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly taps: number;
}

/** An image to be made: `source` is cut out of `image`, the axes are relative to it. */
export interface Resizing {
  readonly image: Pixels;
  readonly source: Box;
  readonly across: AxisWeights;
  readonly down: AxisWeights;
  /** Left to right, after all else. */
  readonly mirror: boolean;
}

/** Float32 planes [3, height, width] from `offset` of `out`; `table` as `normaliseTable` makes it. */
export interface Planes {
  readonly table: Float32Array;
  readonly out: Float32Array;
  readonly offset: number;
}

/** The passes of resample.ts, and the lookup of normalise.ts, by vector instructions. Nothing is done where the result is false or undefined. */
export interface VectorPasses {
  /** The image's bytes. */
  resize(wanted: Resizing): Uint8Array | undefined;
  /** The same, normalised. */
  resizeTo(planes: Planes, wanted: Resizing): boolean;
  normaliseTo(planes: Planes, image: Pixels): boolean;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  rows(...numbers: readonly number[]): void;
  columns(...numbers: readonly number[]): void;
  planes(...numbers: readonly number[]): void;
}

/** Node and browsers have it; it is described here since this file compiles without either's types. */
declare const WebAssembly:
  | {
      readonly Module: new (bytes: Uint8Array) => object;
      readonly Instance: new (module: object) => { readonly exports: unknown };
    }
  | undefined;

const PAGE = 65536;
/** Vectors read and write up to this much beyond a row's end. */
const MARGIN = 16;
/** Our choice: an image that would need more memory than this is left to plain code, as the memory is never given back. */
const MOST = 256 * 2 ** 20;
/** Bytes that are copied in about the time that a call of its own for a row takes; found by trial. */
const SKIPPED_BYTES = 2048;
/** The table of `normalise` lies at the memory's beginning. */
const TABLE_BYTES = 3 * 256 * 4;

let found: VectorPasses | undefined | null = null;

/** Undefined where there is no WebAssembly with vectors, or a page's rules forbid it. */
export function vectorPasses(): VectorPasses | undefined {
  if (found !== null) return found;
  try {
    found = passesOf(new WebAssembly!.Instance(new WebAssembly!.Module(wasmBytes())).exports as Exports);
  } catch {
    found = undefined;
  }
  return found;
}

const wasmBytes = (): Uint8Array => Uint8Array.from(RESAMPLE_WASM.match(/../g)!, (hex) => Number.parseInt(hex, 16));

/** Pixels in the memory, from the byte `at` on. */
interface Held {
  readonly at: number;
  readonly pixels: number;
}

function passesOf(exports: Exports): VectorPasses {
  const { memory } = exports;
  /** Whether the memory has, or now has, so many bytes. */
  function reach(end: number): boolean {
    if (end > MOST) return false;
    const missing = end + MARGIN - memory.buffer.byteLength;
    try {
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
      return true;
    } catch {
      return false;
    }
  }

  function lookUp({ table, out, offset }: Planes, { at, pixels }: Held): boolean {
    const to = alignedLike(at + 3 * pixels, out.byteOffset + 4 * offset);
    if (!reach(to + 12 * pixels)) return false;
    new Float32Array(memory.buffer, 0, 3 * 256).set(table);
    exports.planes(at, pixels, 0, to);
    out.set(new Float32Array(memory.buffer, to, 3 * pixels), offset);
    return true;
  }

  return {
    resize(wanted) {
      const held = resizeInto(exports, reach, wanted);
      return held && new Uint8Array(memory.buffer).slice(held.at, held.at + 3 * held.pixels);
    },
    resizeTo(planes, wanted) {
      const held = resizeInto(exports, reach, wanted);
      return held !== undefined && lookUp(planes, held);
    },
    normaliseTo(planes, { data, width, height }) {
      const at = alignedLike(TABLE_BYTES, data.byteOffset);
      if (!reach(at + data.length)) return false;
      new Uint8Array(memory.buffer).set(data, at);
      return lookUp(planes, { at, pixels: width * height });
    },
  };
}

/** Both passes: rows first, of as many rows as the second pass reads. */
function resizeInto(
  { memory, rows, columns }: Exports,
  reach: (end: number) => boolean,
  { image, source, across, down, mirror }: Resizing,
): Held | undefined {
  const [width, height] = [across.first.length, down.first.length];
  const [left, right] = extent(across);
  const [top, bottom] = extent(down);
  const needed = { left: source.left + left, top: source.top + top, width: right - left, height: bottom - top };
  const part = partOf(image, needed);
  const blocks = Math.ceil(needed.height / 4);
  // A row's last pixel writes one byte too many.
  const pitch = up(3 * width + 1, 16);
  const tableDown = TABLE_BYTES + tableBytes(across);
  const src = alignedLike(tableDown + tableBytes(down), image.data.byteOffset + part.begin);
  // Pairs that stand at an end read pixels and rows that do not count.
  const narrow = up(src + 4 * blocks * part.stride + 6 * across.taps + MARGIN, 16);
  const at = narrow + (4 * blocks + 2 * down.taps) * pitch;
  if (!reach(at + 3 * width * height)) return undefined;
  writeTable(new Int32Array(memory.buffer, TABLE_BYTES), across, 3, mirror);
  writeTable(new Int32Array(memory.buffer, tableDown), down, pitch, false);
  part.copy(new Uint8Array(memory.buffer), src);
  rows(src, part.stride, blocks, width, TABLE_BYTES, pairsOf(across), narrow, pitch);
  columns(narrow, pitch, height, tableDown, pairsOf(down), at, 3 * width);
  return { at, pixels: width * height };
}

const up = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** The first place from `from` on that lies in its eight bytes as `other` does: copies between shared memory and other memory go byte by byte elsewhere. */
const alignedLike = (from: number, other: number): number => up(from, 8) + (other & 7);

/** First input pixel, and the one after the last. */
const extent = ({ first, count }: AxisWeights): readonly [number, number] => [first[0]!, first.at(-1)! + count.at(-1)!];

const pairsOf = ({ taps }: AxisWeights): number => (taps + 1) >> 1;
const tableBytes = (axis: AxisWeights): number => axis.first.length * (4 + 8 * pairsOf(axis));

/** The table of an axis as resample.wat reads it; `step` is the bytes from one input pixel to the next. */
function writeTable(into: Int32Array, axis: AxisWeights, step: number, mirror: boolean): void {
  const { first, weights, taps } = axis;
  const length = first.length;
  for (let i = 0, to = 0; i < length; i++) {
    const pixel = mirror ? length - 1 - i : i;
    into[to++] = (first[pixel]! - first[0]!) * step;
    const end = (pixel + 1) * taps;
    for (let k = end - taps; k < end; k += 2) {
      const [a, b] = [weights[k]!, k + 1 < end ? weights[k + 1]! : 0];
      into[to++] = (a & 4095) | ((b & 4095) << 16);
      into[to++] = ((a >> 12) & 0xffff) | ((b >> 12) << 16);
    }
  }
}

/** How a part of an image is copied: all at once, with what lies beside it, where that is not much more. */
function partOf({ data, width }: Pixels, { left, top, width: columns, height }: Box) {
  const row = 3 * width;
  const begin = top * row + 3 * left;
  if (row - 3 * columns < SKIPPED_BYTES) {
    const end = begin + (height - 1) * row + 3 * columns;
    const copy = (to: Uint8Array, at: number): void => to.set(data.subarray(begin, end), at);
    return { begin, stride: row, copy };
  }
  // Each row is aligned as the first one.
  const stride = 3 * columns + ((row - 3 * columns) & 7);
  const copy = (to: Uint8Array, at: number): void => {
    for (let y = 0; y < height; y++) {
      const from = begin + y * row;
      to.set(data.subarray(from, from + 3 * columns), at + y * stride);
    }
  };
  return { begin, stride, copy };
}
