import { expect, test } from 'vitest';
import { float16Bits } from '../../onnx/float16.ts';
import { stream } from '../../random/stream.ts';
import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from './halfFloat.ts';

test('float16: normals, subnormals, both zeros, infinities and NaN', () => {
  const bits = Uint16Array.of(0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3c01, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00);
  const values = [0, -0, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 1 + 2 ** -10, 65504, -65504, Infinity, -Infinity, NaN];
  expect([...float16ToFloat32(bits)]).toEqual(values);
});

test('float16: every finite value is half-way symmetric and ordered', () => {
  const positive = float16ToFloat32(Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits));
  const negative = float16ToFloat32(Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits | 0x8000));
  for (let i = 1; i < positive.length; i++) {
    if (!(positive[i]! > positive[i - 1]! && negative[i] === -positive[i]!)) expect.fail(`bits ${i}`);
  }
});

test('bfloat16: sign, smallest subnormal, infinity and NaN', () => {
  const bits = Uint16Array.of(0x3f80, 0xbf81, 0x0001, 0x7f80, 0x7fc0, 0x8000);
  expect([...bfloat16ToFloat32(bits)]).toEqual([1, -(1 + 2 ** -7), 2 ** -133, Infinity, NaN, -0]);
});

test('float32 to float16: as the slow definition, ties, subnormals and what is too large included', () => {
  const random = stream('half');
  const wide = Float32Array.from({ length: 20000 }, () => random.normal() * 2 ** (40 * random.uniform() - 28));
  const all = float16ToFloat32(Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits));
  const between = all.slice(1).map((value, i) => (value + all[i]!) / 2);
  const special = Float32Array.of(0, -0, 65504, 65519.99, 65520, 1e9, Infinity, -Infinity, NaN, 2 ** -25, 2 ** -26);
  for (const values of [wide, between, special, wide.map((x) => -x)])
    expect(Buffer.compare(Buffer.from(float32ToFloat16(values).buffer), Buffer.from(float16Bits(values).buffer))).toBe(
      0,
    );
});
