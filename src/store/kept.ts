import { float16ToFloat32, float32ToFloat16 } from '../formats/tensors/halfFloat.ts';

/** Every float16 as a float32. */
const WIDE = float16ToFloat32(Uint16Array.from({ length: 65536 }, (_, bits) => bits));
/** The largest float16: what is larger is kept as this. */
const LARGEST = 65504;

/** Bits of float16 numbers as float32. */
export const widen = (bits: Uint16Array): Float32Array => Float32Array.from(bits, (half) => WIDE[half]!);

/** The same into an array that is there. */
export function widenInto(into: Float32Array, bits: Uint16Array): void {
  for (let i = 0; i < bits.length; i++) into[i] = WIDE[bits[i]!]!;
}

/** As float16 bits; what is too large becomes the largest number, so that a finite target stays finite. */
export function narrow(values: Float32Array): Uint16Array {
  return float32ToFloat16(values.map((x) => Math.max(-LARGEST, Math.min(LARGEST, x))));
}
