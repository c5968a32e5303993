import { apply1 } from '../../graph/build.ts';
import { DequantizeLinear, MatMulIntegerToFloat, QLinearConv, QuantizeLinear } from '../integer.ts';
import { type CaseInput, given, row } from './opCase.ts';

/** Scales are powers of two, so that float32 and float64 agree on every rounding, ties included. */
const scale = (value: number): CaseInput => given([], [value]);
const zero = (value: number): CaseInput => given([], [value], 'uint8');

const draw = (dtype: 'uint8' | 'int8' | 'int32', low: number, high: number, ...shape: number[]): CaseInput => ({
  shape,
  dtype,
  draw: (random) =>
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => low + Math.floor((high - low) * random.uniform())),
});

const product = (name: string, lead: readonly number[], bias: boolean) =>
  row(
    name,
    [
      draw('uint8', 0, 256, ...lead, 5),
      draw('int8', -127, 128, 5, 3),
      scale(0.125),
      given([3], [0.5, 0.25, 2]),
      zero(100),
      ...(bias ? [given([3], [1, -2, 0.5])] : []),
    ],
    (a, b, sa, sb, za, c) => apply1(MatMulIntegerToFloat, [a, b, sa, sb, za, ...(c ? [undefined, c] : [])]),
    { differentiable: [] },
  );

interface Form {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly group?: number;
  readonly stride?: number;
  readonly pad?: number;
}

const convolution = (name: string, { x, w, group = 1, stride = 1, pad = 0 }: Form) =>
  row(
    name,
    [
      draw('uint8', 0, 256, ...x),
      scale(0.25),
      zero(90),
      draw('int8', -127, 128, ...w),
      given(
        [w[0]!],
        Array.from({ length: w[0]! }, (_, i) => 2 ** -(4 + (i % 3))),
      ),
      given([w[0]!], new Array<number>(w[0]!).fill(0), 'int8'),
      scale(8),
      zero(120),
      draw('int32', -500, 500, w[0]!),
    ],
    (...inputs) =>
      apply1(QLinearConv, inputs, {
        kernel_shape: w.slice(2),
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
        dilations: [1, 1],
        group,
      }),
    { differentiable: [] },
  );

export const integerCases = {
  QuantizeLinear: [
    row(
      'ties, both ends and what lies beyond them',
      [given([2, 5], [0, 0.25, 0.75, -0.25, 1.25, 100, -100, 3.1, -2.9, 63.4]), scale(0.5), zero(10)],
      (x, s, z) => apply1(QuantizeLinear, [x, s, z]),
      { differentiable: [] },
    ),
  ],
  DequantizeLinear: [
    row(
      'both sides of zero',
      [given([2, 3], [0, 9, 10, 11, 200, 255], 'uint8'), scale(0.5), zero(10)],
      (x, s, z) => apply1(DequantizeLinear, [x, s, z]),
      { differentiable: [] },
    ),
  ],
  MatMulIntegerToFloat: [product('rank 2 with bias', [4], true), product('rank 3 without bias', [2, 3], false)],
  QLinearConv: [
    convolution('1x1', { x: [2, 4, 3, 3], w: [3, 4, 1, 1] }),
    convolution('3x3, padding is the zero point', { x: [1, 3, 5, 4], w: [4, 3, 3, 3], pad: 1 }),
    convolution('stride 2, two groups', { x: [2, 4, 5, 5], w: [6, 2, 3, 3], pad: 1, stride: 2, group: 2 }),
    convolution('depthwise', { x: [1, 4, 4, 4], w: [4, 1, 3, 3], pad: 1, group: 4 }),
  ],
};
