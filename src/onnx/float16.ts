import { roundHalfEven } from '../ops/special.ts';

/** IEEE 754 binary16 bits of numbers, rounded to nearest, ties to even. */
export function float16Bits(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, (x) => (x < 0 || Object.is(x, -0) ? 0x8000 : 0) | magnitudeBits(Math.abs(x)));
}

function magnitudeBits(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  // Halfway from the largest number, 65504, to the next power of two.
  if (x >= 65520) return 0x7c00;
  // Subnormals have no hidden bit; one that rounds up to 1024 is the smallest normal number, with the same bits.
  if (x < 2 ** -14) return roundHalfEven(x * 2 ** 24);
  const guess = Math.floor(Math.log2(x));
  const exponent = 2 ** guess > x ? guess - 1 : 2 ** (guess + 1) <= x ? guess + 1 : guess;
  return ((exponent + 15) << 10) + roundHalfEven(x * 2 ** (10 - exponent)) - 1024;
}
