/** IEEE 754 binary16 bits to float32, exactly: subnormals, infinities and NaN included. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    // Subnormals have no hidden bit and the exponent of the smallest normal number.
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}

/** bfloat16 bits to float32: bfloat16 is the upper half of a float32. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return values;
}

/** float32 to the bits of the nearest binary16, ties to even. Quicker than onnx/float16.ts, which takes any numbers. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const magnitude = words[i]! & 0x7fffffff;
    bits[i] = ((words[i]! >>> 16) & 0x8000) | halfBits(magnitude, values[i]!);
  }
  return bits;
}

function halfBits(magnitude: number, value: number): number {
  if (magnitude > 0x7f800000) return 0x7e00;
  // From 65520 on, halfway between the largest number and the next power of two.
  if (magnitude >= 0x477ff000) return 0x7c00;
  if (magnitude >= 0x38800000) {
    const moved = magnitude - 0x38000000;
    return (moved + 0xfff + ((moved >>> 13) & 1)) >>> 13;
  }
  const units = Math.abs(value) * 2 ** 24;
  const floor = Math.floor(units);
  const up = units - floor > 0.5 || (units - floor === 0.5 && floor % 2 === 1);
  return floor + (up ? 1 : 0);
}
