import { apply1 } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { broadcastOffset, fromFunction, type NdArray } from '../graph/ndArray.ts';
import { sameShape, showShape } from '../graph/shape.ts';
import type { Op, Tensor } from '../graph/tensor.ts';
import { Conv } from './conv.ts';
import { need } from './broadcast.ts';
import { MatMul } from './matmul.ts';
import { roundHalfEven } from './special.ts';

/** 8-bit arithmetic for frozen networks. None of it has a gradient: a teacher is never trained. */

const one = (value: NdArray | undefined): number => Number(value!.data[0]);
const clamp = (value: number, least = 0): number => Math.max(least, Math.min(least + 255, value));

/** x -> round(x / scale) + zeroPoint, ties to even, in the zero point's type, uint8 or int8; one scale for the whole tensor. */
export const QuantizeLinear: Op = {
  name: 'QuantizeLinear',
  infer: (inputs) => [{ dtype: need(inputs, 2).dtype, shape: need(inputs, 0).shape }],
  vjp: 'none',
  reference: ([x, scale, zero], { outputs }) => {
    const { dtype } = outputs[0]!;
    const least = dtype === 'int8' ? -128 : 0;
    const held = (v: number) => clamp(roundHalfEven(v / one(scale)) + one(zero), least);
    return [{ dtype, shape: x!.shape, data: Float64Array.from(x!.data, held) }];
  },
};

/** (x - zeroPoint) scale; one scale for the whole tensor. */
export const DequantizeLinear: Op = {
  name: 'DequantizeLinear',
  infer: (inputs) => [{ dtype: 'float32', shape: need(inputs, 0).shape }],
  vjp: 'none',
  reference: ([x, scale, zero]) => [
    { dtype: 'float32', shape: x!.shape, data: Float64Array.from(x!.data, (v) => (v - one(zero)) * one(scale)) },
  ],
};

/**
 * (A - zeroA) B scaleA scaleB + bias: A uint8 [..., K] with one scale, B int8 without a zero point: [K, N] with one scale a
 * column, or [..., K, N] with one scale; bias [N] or absent. Inputs: A, B, scaleA, scaleB, zeroA, nothing, bias.
 */
export const MatMulIntegerToFloat: Op = {
  name: 'MatMulIntegerToFloat',
  domain: 'com.microsoft',
  infer: (inputs) => {
    const [a, b] = [need(inputs, 0), need(inputs, 1)];
    const pairs = b.shape.length === 2 || sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    if (!pairs || a.shape.at(-1) !== b.shape.at(-2))
      throw new BuildError(`inner sizes differ: ${showShape(a.shape)} x ${showShape(b.shape)}`);
    return [{ dtype: 'float32', shape: [...a.shape.slice(0, -1), b.shape.at(-1)!] }];
  },
  vjp: 'none',
  reference: ([a, b, scaleA, scaleB, zeroA, , bias], { outputs }) => {
    const shape = outputs[0]!.shape;
    const centred = { ...a!, data: Float64Array.from(a!.data, (v) => v - one(zeroA)) };
    const product = MatMul.reference([centred, b], { outputs: [{ shape }], attrs: {} } as never)[0]!;
    const N = shape.at(-1)!;
    const scale = (column: number) => one(scaleA) * scaleB!.data[scaleB!.data.length === 1 ? 0 : column]!;
    const at = (_: readonly number[], flat: number) =>
      product.data[flat]! * scale(flat % N) + (bias ? bias.data[flat % N]! : 0);
    return [fromFunction(shape, at)];
  },
};

/**
 * A convolution of 8-bit values with an 8-bit result: x uint8 and its scale and zero point, weight int8 [O,C/group,kh,kw] with
 * one scale a channel, the result's scale and zero point, bias int32 in units of scaleX scaleW.
 */
export const QLinearConv: Op = {
  name: 'QLinearConv',
  infer: (inputs, attrs) => {
    const float = (t: Tensor): Tensor => ({ ...t, dtype: 'float32' });
    const [y] = Conv.infer([float(need(inputs, 0)), float(need(inputs, 3))], attrs);
    return [{ dtype: 'uint8', shape: y!.shape }];
  },
  vjp: 'none',
  reference: ([x, scaleX, zeroX, w, scaleW, , scaleY, zeroY, bias], node) => {
    const centred = { ...x!, data: Float64Array.from(x!.data, (v) => v - one(zeroX)) };
    const sum = Conv.reference([centred, w, bias], node)[0]!;
    const [, O] = sum.shape as [number, number];
    const at = (position: readonly number[], flat: number) => {
      const scale = one(scaleX) * scaleW!.data[broadcastOffset([O, 1, 1], position.slice(1))]!;
      return clamp(roundHalfEven((sum.data[flat]! * scale) / one(scaleY)) + one(zeroY));
    };
    return [fromFunction(sum.shape, at, 'uint8')];
  },
};

/** How a tensor is held in 8 bits. */
export interface Held {
  /** float32 scalar. */
  readonly scale: Tensor;
  /** uint8 scalar. */
  readonly zero: Tensor;
}

export const quantizeLinear = (x: Tensor, { scale, zero }: Held): Tensor => apply1(QuantizeLinear, [x, scale, zero]);
export const dequantizeLinear = (x: Tensor, { scale, zero }: Held): Tensor =>
  apply1(DequantizeLinear, [x, scale, zero]);
