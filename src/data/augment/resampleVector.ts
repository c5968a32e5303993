import { RESAMPLE_WASM } from './generated/resampleWasm.ts';

/** Where each output pixel of an axis reads, and with which weights: `count` of them from `first`, at `i * taps`. */
export interface AxisWeights {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly taps: number;
}

/** The passes of resample.ts by vector instructions. */
export interface VectorPasses {
  /** Rows `top` to `bottom` of an image `width` wide, brought to `columns` pixels. */
  rows(data: Uint8Array, width: number, axis: AxisWeights, columns: number, top: number, bottom: number): Uint8Array;
  /** Rows of `row` bytes, the first of which is row `top` of the axis, brought to `height` rows. */
  columns(data: Uint8Array, axis: AxisWeights, row: number, height: number, top: number): Uint8Array;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  rows(...numbers: readonly number[]): void;
  columns(...numbers: readonly number[]): void;
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

/** Whether these passes take a pass with so many bytes in and out. */
export const vectorsTake = (bytes: number): boolean => bytes < MOST && vectorPasses() !== undefined;

const wasmBytes = (): Uint8Array => Uint8Array.from(RESAMPLE_WASM.match(/../g)!, (hex) => Number.parseInt(hex, 16));

function passesOf({ memory, rows, columns }: Exports): VectorPasses {
  /** Copies inputs to the memory, leaves room for `out` bytes, runs and copies these out. */
  function run(
    data: Uint8Array,
    tables: readonly Int32Array[],
    out: number,
    call: (src: number, tables: readonly number[], out: number) => void,
  ): Uint8Array {
    const starts: number[] = [];
    let end = 0;
    for (const table of tables) {
      starts.push(end);
      end += table.byteLength;
    }
    const [src, to] = [end, end + data.length + MARGIN];
    const missing = to + out + MARGIN - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    tables.forEach((table, i) => void new Int32Array(memory.buffer, starts[i]!, table.length).set(table));
    const bytes = new Uint8Array(memory.buffer);
    bytes.set(data, src);
    call(src, starts, to);
    return bytes.slice(to, to + out);
  }
  return {
    rows: (data, width, { first, count, weights, taps }, across, top, bottom) =>
      run(
        data.subarray(top * width * 3, bottom * width * 3),
        [first.map((x) => 3 * x), count, weights],
        (bottom - top) * across * 3,
        (src, [from, counts, at], out) =>
          rows(src, width * 3, bottom - top, across, from!, counts!, at!, 4 * taps, out),
      ),
    columns: (data, { first, count, weights, taps }, row, height, top) =>
      run(data, [first.map((y) => (y - top) * row), count, weights], height * row, (src, [from, counts, at], out) =>
        columns(src, row, height, from!, counts!, at!, 4 * taps, out),
      ),
  };
}
