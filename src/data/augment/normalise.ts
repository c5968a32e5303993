import type { Pixels } from './pixels.ts';
import { vectorPasses } from './resampleVector.ts';

/** `table[channel * 256 + byte]` = (byte / 255 - mean) / std, rounded once to float32. */
export function normaliseTable(mean: readonly number[], std: readonly number[]): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let c = 0; c < 3; c++) for (let x = 0; x < 256; x++) table[c * 256 + x] = (x / 255 - mean[c]!) / std[c]!;
  return table;
}

/** RGB bytes, rows of interleaved pixels -> float32 planes [3, height, width] written to `out` from `offset`. */
export function normalise(image: Pixels, table: Float32Array, out: Float32Array, offset: number): void {
  if (!vectorPasses()?.normaliseTo({ table, out, offset }, image)) normalisePlainly(image, table, out, offset);
}

/** The same without WebAssembly. */
export function normalisePlainly(image: Pixels, table: Float32Array, out: Float32Array, offset: number): void {
  const { data } = image;
  const plane = image.width * image.height;
  const [green, blue] = [offset + plane, offset + 2 * plane];
  for (let i = 0, from = 0; i < plane; i++, from += 3) {
    out[offset + i] = table[data[from]!]!;
    out[green + i] = table[256 + data[from + 1]!]!;
    out[blue + i] = table[512 + data[from + 2]!]!;
  }
}
