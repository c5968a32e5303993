import { histogram, lookUp } from './lookUp.ts';
import type { Pixels } from '../pixels.ts';

/** Each channel's histogram flattened, as Pillow's ImageOps.equalize. */
export function equalize(image: Pixels): Pixels {
  const counts = histogram(image);
  const table = new Uint8Array(768);
  for (let c = 0; c < 768; c += 256) table.set(flatten(counts.subarray(c, c + 256)), c);
  return lookUp(image, table);
}

function flatten(counts: Uint32Array): Uint8Array {
  const table = Uint8Array.from({ length: 256 }, (_, x) => x);
  const total = counts.reduce((sum, n) => sum + n, 0);
  const last = counts[counts.findLastIndex((n) => n > 0)]!;
  // Pillow's way to size the step: the brightest value has none of its own.
  const step = Math.floor((total - last) / 255);
  if (step === 0) return table;
  let seen = Math.floor(step / 2);
  for (let x = 0; x < 256; x++) {
    table[x] = Math.min(255, Math.floor(seen / step));
    seen += counts[x]!;
  }
  return table;
}
