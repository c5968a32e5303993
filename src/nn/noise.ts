import { internal } from '../graph/errors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Stream } from '../random/stream.ts';
import type { NoiseSpec } from './scope.ts';

/** Probabilities are rounded to this many steps: half a random number for an element, as the large masks take millions. */
const STEPS = 65536;

/** The host's draw of a mask, row-major. It depends on the stream alone. */
export function drawNoise(spec: NoiseSpec, random: Stream): Uint8Array {
  const mask = new Uint8Array(sizeOf(spec.shape));
  if (spec.kind === 'bernoulli') bernoulli(mask, spec.keep, random);
  else exactCount(mask, spec.shape.at(-1) ?? 1, spec, random);
  return mask;
}

/** Each element is 1 with probability `keep`, rounded to 1/65536: two elements a draw. 0 and 1 are exact. */
function bernoulli(mask: Uint8Array, keep: number, random: Stream): void {
  const below = Math.round(keep * STEPS);
  const even = mask.length & ~1;
  for (let i = 0; i < even; i += 2) {
    const bits = random.uint32();
    // The sign bit of the difference, for a branch on random bits is mispredicted half the time.
    mask[i] = ((bits & 0xffff) - below) >>> 31;
    mask[i + 1] = ((bits >>> 16) - below) >>> 31;
  }
  if (even < mask.length) mask[even] = ((random.uint32() & 0xffff) - below) >>> 31;
}

/** `ones` ones in each row of `length`: the first steps of a Fisher-Yates shuffle choose their places. */
function exactCount(
  mask: Uint8Array,
  length: number,
  { name, ones }: Extract<NoiseSpec, { kind: 'exactCount' }>,
  random: Stream,
): void {
  if (ones < 0 || ones > length) throw internal(`mask ${name}: ${ones} ones do not fit a row of ${length}`);
  const places = new Uint32Array(length).map((_, i) => i);
  for (let row = 0; row < mask.length; row += length)
    for (let i = 0; i < ones; i++) {
      const j = i + random.below(length - i);
      const chosen = places[j]!;
      places[j] = places[i]!;
      places[i] = chosen;
      mask[row + chosen] = 1;
    }
}
