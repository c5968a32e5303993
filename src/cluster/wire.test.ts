import { describe, expect, it } from 'vitest';
import { fromFloat16 } from '../onnx/import/halfFloats.ts';
import { stream } from '../random/stream.ts';
import { BLOCK, WIRES, wireOf } from './wire.ts';

const random = stream('wire', 0);
/** Blocks of numbers, the rest of a block filled with zeros. */
const blocks = (...given: readonly (readonly number[])[]): Float32Array => {
  const numbers = new Float32Array(given.length * BLOCK);
  for (const [at, values] of given.entries()) numbers.set(values, at * BLOCK);
  return numbers;
};
const normals = (size: number): number[] => Array.from({ length: BLOCK }, () => size * random.normal());
/** Gradients as layers have them, of very unlike sizes, and any float32 that is finite. */
const ordinary = blocks(normals(1e-3), normals(1e-30), normals(1e20), normals(1), normals(0));
const anyBits = Float32Array.from(
  new Float32Array(Uint32Array.from({ length: 20 * BLOCK }, () => random.below(2 ** 32)).buffer),
  (value) => (Number.isFinite(value) ? value : 0),
);

const sent = (name: (typeof WIRES)[number], numbers: Float32Array) => {
  const wire = wireOf(name);
  // Not at the beginning of its memory, as beside a head.
  const packed = new Float32Array(1 + wire.words(numbers.length)).subarray(1);
  wire.pack(numbers, packed);
  const got = new Float32Array(numbers.length).fill(7);
  wire.unpack(packed, got);
  return { wire, packed, got };
};

describe.each(WIRES)('%s', (name) => {
  it('adds what it unpacks, and packs what it unpacked to the same bytes', () => {
    const { wire, packed, got } = sent(name, ordinary);
    const sum = Float32Array.from(ordinary, (value) => value * 3);
    const wanted = sum.map((value, i) => value + got[i]!);
    wire.addTo(sum, packed);
    expect(sum).toEqual(wanted);
    expect(sent(name, got).packed).toEqual(packed);
  });

  it('needs nothing of the blocks beside', () => {
    const two = sent(name, ordinary).got.subarray(BLOCK, 2 * BLOCK);
    expect(two).toEqual(sent(name, ordinary.subarray(BLOCK, 2 * BLOCK)).got);
  });

  it('keeps infinities and NaN from passing as numbers', () => {
    for (const value of [Infinity, -Infinity, Number.NaN]) {
      const { got } = sent(name, blocks([1, 2], [3, value]));
      expect([...got.subarray(0, 2)]).toEqual([1, 2]);
      expect(Number.isFinite(got[BLOCK + 1])).toBe(false);
    }
  });
});

it('fp32 changes nothing', () => {
  expect(sent('fp32', anyBits).got).toEqual(anyBits);
});

describe('fp16', () => {
  it('rounds as IEEE 754 does at the scale of the block, whatever the sizes', () => {
    for (const numbers of [ordinary, anyBits]) {
      const { got } = sent('fp16', numbers);
      for (let from = 0; from < numbers.length; from += BLOCK) {
        const block = numbers.subarray(from, from + BLOCK);
        const most = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const scale = 2 ** (14 - Math.max(Math.floor(Math.log2(most)), 30 - 127));
        expect(got.subarray(from, from + BLOCK)).toEqual(block.map((value) => nearestHalf(value * scale) / scale));
      }
    }
  });

  it('keeps 11 bits of what is at least 2^-28 of the largest, loses none to overflow, and what is too small becomes zero', () => {
    const large = Math.fround(3.4e38);
    const [one, other, third, fourth] = sent('fp16', blocks([large, large * 2 ** -28 * 1.1, large * 2 ** -41])).got;
    expect(Math.abs(one! / large - 1)).toBeLessThanOrEqual(2 ** -11);
    expect(Math.abs(other! / (large * 2 ** -28 * 1.1) - 1)).toBeLessThanOrEqual(2 ** -11);
    expect([third, fourth]).toEqual([0, 0]);
  });

  it('halves to even, and 1.5 bytes a thousand are its scale', () => {
    const { packed, got } = sent('fp16', blocks([1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, -1 - 2 ** -11]));
    expect([...got.subarray(0, 4)]).toEqual([1, 1, 1 + 2 ** -9, -1]);
    expect(packed.length).toBe(BLOCK / 2 + 1);
    expect(fromFloat16(new Uint16Array(packed.buffer, packed.byteOffset + 4, 4))).toEqual(
      Float32Array.of(2 ** 14, 2 ** 14, 2 ** 14 + 2 ** 5, -(2 ** 14)),
    );
  });
});

/** All numbers that fp16 has from 0 on, in their order. */
const HALVES = fromFloat16(Uint16Array.from({ length: 0x7c00 }, (_, i) => i));

/** The nearest of them, the even one of two that are as near. */
function nearestHalf(value: number): number {
  const size = Math.abs(value);
  let [low, high] = [0, HALVES.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (HALVES[middle]! <= size) low = middle;
    else high = middle;
  }
  const [down, up] = [size - HALVES[low]!, HALVES[high]! - size];
  const nearest = down < up || (down === up && low % 2 === 0) ? low : high;
  return Math.sign(value) * HALVES[nearest]!;
}
