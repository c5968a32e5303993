import type { Interpolation } from './affine.ts';
import type { Pixels } from './pixels.ts';

/** For each output place: the first input place and the weights of so many from there, `taps` apart. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly taps: number;
}

/** Fixed point of the weights, Pillow's: sums of bytes stay within 32 bits. */
const BITS = 22;

const triangle = (x: number): number => Math.max(0, 1 - Math.abs(x));

/** Keys' cubic with a = -0.5. */
function cubic(at: number): number {
  const x = Math.abs(at);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * Antialiased resize equal to Pillow's Image.resize, to the byte: along x, then along y, with 8 bits in between. sharp is within
 * half a grey level of it where it shrinks an image, but shifts what it enlarges by up to half a pixel.
 */
export function resample(image: Pixels, width: number, height: number, interpolation: Interpolation): Pixels {
  const across = width === image.width ? image : alongX(image, tapsOf(image.width, width, interpolation));
  return height === image.height ? across : alongY(across, tapsOf(image.height, height, interpolation));
}

function tapsOf(from: number, to: number, interpolation: Interpolation): Taps {
  const [filter, reach] = interpolation === 'bicubic' ? [cubic, 2] : [triangle, 1];
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = reach * stretch;
  const taps = Math.ceil(support) * 2 + 1;
  const [first, count, weights] = [new Int32Array(to), new Int32Array(to), new Int32Array(to * taps)];
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const raw = Array.from({ length: end - start }, (_, k) => filter((k + start - centre + 0.5) / stretch));
    const total = raw.reduce((sum, w) => sum + w, 0);
    first[i] = start;
    count[i] = end - start;
    for (const [k, w] of raw.entries()) {
      const fixed = (w / total) * 2 ** BITS;
      weights[i * taps + k] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
  }
  return { first, count, weights, taps };
}

const HALF = 1 << (BITS - 1);
const clip = (sum: number): number => (sum <= 0 ? 0 : sum >= 255 << BITS ? 255 : sum >> BITS);

function alongX({ data, width, height }: Pixels, { first, count, weights, taps }: Taps): Pixels {
  const to = first.length;
  const out = new Uint8Array(to * height * 3);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < to; x++, at += 3) {
      let [r, g, b] = [HALF, HALF, HALF];
      const [base, n] = [x * taps, count[x]!];
      for (let k = 0, from = (y * width + first[x]!) * 3; k < n; k++, from += 3) {
        const w = weights[base + k]!;
        r += data[from]! * w;
        g += data[from + 1]! * w;
        b += data[from + 2]! * w;
      }
      out[at] = clip(r);
      out[at + 1] = clip(g);
      out[at + 2] = clip(b);
    }
  return { data: out, width: to, height };
}

function alongY({ data, width }: Pixels, { first, count, weights, taps }: Taps): Pixels {
  const [to, row] = [first.length, width * 3];
  const out = new Uint8Array(to * row);
  const sums = new Float64Array(row);
  for (let y = 0; y < to; y++) {
    sums.fill(HALF);
    for (let k = 0; k < count[y]!; k++) {
      const [w, from] = [weights[y * taps + k]!, (first[y]! + k) * row];
      for (let i = 0; i < row; i++) sums[i] = sums[i]! + data[from + i]! * w;
    }
    for (let i = 0; i < row; i++) out[y * row + i] = clip(sums[i]!);
  }
  return { data: out, width, height: to };
}
