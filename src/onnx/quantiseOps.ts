import { BuildError } from '../graph/errors.ts';
import { fromFunction, type NdArray } from '../graph/ndArray.ts';
import type { Op } from '../graph/tensor.ts';
import { need } from '../ops/broadcast.ts';
import { roundHalfEven } from '../ops/special.ts';

/** x -> uint8 values, scale and zero point of the whole tensor, chosen at run time so that 0 is exact (ONNX standard). */
export const DynamicQuantizeLinear: Op = {
  name: 'DynamicQuantizeLinear',
  infer: (inputs) => [
    { dtype: 'uint8', shape: need(inputs, 0).shape },
    { dtype: 'float32', shape: [] },
    { dtype: 'uint8', shape: [] },
  ],
  vjp: 'none',
  reference: ([x]) => {
    const values = Array.from(x!.data);
    const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [0, 0]) as [number, number];
    const scale = (high - low) / 255 || 1;
    const zero = byte(-low / scale);
    return [
      {
        dtype: 'uint8',
        shape: x!.shape,
        data: Float64Array.from(values, (v) => byte(roundHalfEven(v / scale) + zero)),
      },
      { dtype: 'float32', shape: [], data: Float64Array.of(scale) },
      { dtype: 'uint8', shape: [], data: Float64Array.of(zero) },
    ];
  },
};

const byte = (v: number): number => Math.min(255, Math.max(0, roundHalfEven(v)));

/** (A - zero point) B: uint8 [M,K] and int8 [K,N] -> int32 [M,N] (ONNX standard). */
export const MatMulInteger: Op = {
  name: 'MatMulInteger',
  infer: (inputs) => {
    const [a, b] = [need(inputs, 0).shape, need(inputs, 1).shape];
    if (a.length !== 2 || b.length !== 2 || a[1] !== b[0]) throw new BuildError(`[${a}] x [${b}]: inner sizes differ`);
    return [{ dtype: 'int32', shape: [a[0]!, b[1]!] }];
  },
  vjp: 'none',
  reference: ([a, b, zero], { outputs }) => {
    const [K, N] = [a!.shape[1]!, b!.shape[1]!];
    const at = ([row, column]: readonly number[]) => {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += (a!.data[row! * K + k]! - zero!.data[0]!) * b!.data[k * N + column!]!;
      return sum;
    };
    return [fromFunction(outputs[0]!.shape, at, 'int32')];
  },
};

/** int8 weights times their scale along an axis -> float32 (ONNX standard). */
export const DequantizeLinear: Op = {
  name: 'DequantizeLinear',
  infer: (inputs) => [{ dtype: 'float32', shape: need(inputs, 0).shape }],
  vjp: 'none',
  reference: ([x, scale], { attrs }) => {
    const at = (position: readonly number[], flat: number) =>
      x!.data[flat]! * scale!.data[position[attrs.axis as number]!]!;
    return [fromFunction(x!.shape, at, 'float32')] as NdArray[];
  },
};
