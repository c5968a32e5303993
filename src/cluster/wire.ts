/** How numbers travel between ranks: as they are, or in half of the bytes. */
export const WIRES = ['fp32', 'fp16'] as const;
export type WireName = (typeof WIRES)[number];

/** How a slice of numbers travels. */
export interface Wire {
  /** What is sent at once is a multiple of so many numbers, counted from the first number of all. */
  readonly block: number;
  /** Whether what comes is what was sent, to the bit. */
  readonly exact: boolean;
  /** Words of 4 bytes that so many numbers take, a multiple of `block`. */
  words(numbers: number): number;
  pack(numbers: Float32Array, into: Float32Array): void;
  /** Adds what was packed to a sum, in float32. */
  addTo(sum: Float32Array, packed: Float32Array): void;
  unpack(packed: Float32Array, into: Float32Array): void;
}

const fp32: Wire = {
  block: 1,
  exact: true,
  words: (numbers) => numbers,
  pack: (numbers, into) => into.set(numbers),
  addTo: (sum, packed) => {
    for (let i = 0; i < sum.length; i++) sum[i]! += packed[i]!;
  },
  unpack: (packed, into) => into.set(packed),
};

/**
 * Our choice: numbers that share a scale. The exponent costs 2 parts in a thousand of the bytes, and in so few neighbours (of mostly one
 * tensor) the smallest that matter are far above what their largest leaves to them.
 */
export const BLOCK = 1024;
/** Words of a block: its exponent, and two numbers in each. */
const WORDS = 1 + BLOCK / 2;

/** The largest of a block is sent as one between 2^14 and 2^15, so that rounded up it is still below fp16's largest, 65,504. */
const TOP = 14;
/** Biased exponents of float32: of infinities and NaN, and the least that a block's scale is made of (smaller blocks share it). */
const [NOT_FINITE, LEAST] = [255, 30];
/** From a block's exponent to what is added to a number's: 127 is float32's bias, 15 fp16's. */
const SHIFT = 15 + TOP;

/**
 * IEEE 754 binary16 with a power of two for each block. fp16 by itself overflows at 65,504 and loses what is below 6e-8, and gradients
 * know no such limits; the power of two rounds nothing. So each number keeps 11 bits where it is at least 2^-28 of its block's largest,
 * fewer down to 2^-39, and is zero below. bfloat16 needs no scale, and keeps 8 bits: eight times the error for as many bytes. A
 * block that has an infinity or NaN is NaN whole: the norm of the gradient stops such a run.
 */
const fp16: Wire = {
  block: BLOCK,
  exact: false,
  words: (numbers) => (numbers / BLOCK) * WORDS,
  pack: (numbers, into) => {
    for (let from = 0, at = 0; from < numbers.length; from += BLOCK, at += WORDS)
      packBlock(numbers.subarray(from, from + BLOCK), into.subarray(at, at + WORDS));
  },
  addTo: (sum, packed) => unpackBlocks(packed, sum, true),
  unpack: (packed, into) => unpackBlocks(packed, into, false),
};

export const wireOf = (name: WireName): Wire => ({ fp32, fp16 })[name];

function packBlock(values: Float32Array, into: Float32Array): void {
  const bits = new Int32Array(values.buffer, values.byteOffset, BLOCK);
  const halves = new Uint16Array(into.buffer, into.byteOffset + 4, BLOCK);
  const exponent = exponentOf(bits);
  new Int32Array(into.buffer, into.byteOffset, 1)[0] = exponent;
  if (exponent === NOT_FINITE) {
    halves.fill(0);
    return;
  }
  const shift = (SHIFT - exponent) << 23;
  const small = 2 ** (24 + TOP + 127 - exponent);
  for (let i = 0; i < BLOCK; i++) {
    const sign = (bits[i]! >>> 16) & 0x8000;
    const scaled = (bits[i]! & 0x7fffffff) + shift;
    // Halves to even, in both; below the smallest normal fp16 number it is a multiple of 2^-24.
    halves[i] =
      sign | (scaled >= 1 << 23 ? (scaled + 0xfff + ((scaled >> 13) & 1)) >> 13 : toEven(Math.abs(values[i]!) * small));
  }
}

/** Of the largest number, as float32 has it. */
function exponentOf(bits: Int32Array): number {
  let largest = 0;
  for (let i = 0; i < BLOCK; i++) {
    const size = bits[i]! & 0x7fffffff;
    if (size > largest) largest = size;
  }
  return Math.max(largest >> 23, LEAST);
}

/** A float64 has no bits below 1 here, and rounds halves to even. */
const toEven = (value: number): number => value + 2 ** 52 - 2 ** 52;

function unpackBlocks(packed: Float32Array, into: Float32Array, adds: boolean): void {
  for (let to = 0, at = 0; to < into.length; to += BLOCK, at += WORDS)
    unpackBlock(packed.subarray(at, at + WORDS), into.subarray(to, to + BLOCK), adds);
}

/** A number of a block as float32, by its bits. */
const [number, numberBits] = (() => {
  const value = new Float32Array(1);
  return [value, new Int32Array(value.buffer)] as const;
})();

function unpackBlock(packed: Float32Array, into: Float32Array, adds: boolean): void {
  const exponent = new Int32Array(packed.buffer, packed.byteOffset, 1)[0]!;
  if (exponent === NOT_FINITE) {
    into.fill(Number.NaN);
    return;
  }
  const halves = new Uint16Array(packed.buffer, packed.byteOffset + 4, BLOCK);
  const shift = (exponent - SHIFT) << 23;
  const small = 2 ** (exponent - 24 - TOP - 127);
  for (let i = 0; i < BLOCK; i++) {
    const half = halves[i]!;
    const size = half & 0x7fff;
    if (size >= 0x400) numberBits[0] = ((half & 0x8000) << 16) | ((size << 13) + shift);
    else number[0] = half & 0x8000 ? -size * small : size * small;
    into[i] = adds ? into[i]! + number[0]! : number[0]!;
  }
}
