import { histogram, lookUp } from './lookUp.ts';
import type { Pixels } from '../pixels.ts';

/** Each channel stretched to 0..255, as Pillow's ImageOps.autocontrast; a channel of one value stays. */
export function autoContrast(image: Pixels): Pixels {
  const counts = histogram(image);
  const table = new Uint8Array(768);
  for (let c = 0; c < 768; c += 256) {
    const channel = counts.subarray(c, c + 256);
    const low = channel.findIndex((n) => n > 0);
    const high = channel.findLastIndex((n) => n > 0);
    const scale = 255 / (high - low);
    for (let x = 0; x < 256; x++)
      table[c + x] = high <= low ? x : Math.min(255, Math.max(0, Math.trunc(x * scale - low * scale)));
  }
  return lookUp(image, table);
}
