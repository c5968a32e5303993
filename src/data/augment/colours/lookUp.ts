import type { Pixels } from '../pixels.ts';

/** Every byte replaced by `table[byte]`, or by `table[256 channel + byte]` where there are 768 entries. */
export function lookUp({ data, width, height }: Pixels, table: Uint8Array): Pixels {
  const out = new Uint8Array(width * height * 3);
  const [green, blue] = table.length === 768 ? [256, 512] : [0, 0];
  for (let i = 0; i < out.length; i += 3) {
    out[i] = table[data[i]!]!;
    out[i + 1] = table[green + data[i + 1]!]!;
    out[i + 2] = table[blue + data[i + 2]!]!;
  }
  return { data: out, width, height };
}

/** The table of a function of one byte. */
export const tableOf = (f: (byte: number) => number): Uint8Array => Uint8Array.from({ length: 256 }, (_, x) => f(x));

/** How often each byte occurs, by channel: `counts[256 channel + byte]`. */
export function histogram({ data, width, height }: Pixels): Uint32Array {
  const counts = new Uint32Array(768);
  const size = width * height * 3;
  for (let i = 0; i < size; i += 3) {
    counts[data[i]!]!++;
    counts[256 + data[i + 1]!]!++;
    counts[512 + data[i + 2]!]!++;
  }
  return counts;
}
