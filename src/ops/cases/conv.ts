import { apply1 } from '../../graph/build.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { Conv, type ConvOptions, ConvTranspose, conv } from '../conv.ts';
import { averagePool, MaxPool, maxPool, type PoolOptions } from '../pool.ts';
import { given, normal, type OpCase, row, spaced } from './opCase.ts';

interface ConvForm extends ConvOptions {
  /** B, C, h, w */
  readonly x: readonly [number, number, number, number];
  readonly out: number;
  readonly kernel: number | readonly [number, number];
  readonly bias?: boolean;
}

function convRow(name: string, { x, out, kernel, bias = false, ...options }: ConvForm): OpCase {
  const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  const weight = normal(out, x[1] / (options.groups ?? 1), kh, kw);
  return row(name, [normal(...x), weight, ...(bias ? [normal(out)] : [])], (t, w, b) => conv(t, w, b, options));
}

/** Conv or its adjoint with every attribute spelled out: kernels, strides and pads that differ between the axes. */
function spelled(
  op: typeof Conv,
  name: string,
  x: readonly number[],
  w: readonly number[],
  attrs: Record<string, readonly number[] | number>,
) {
  return row(name, [normal(...x), normal(...w)], (t, weight) =>
    apply1(op, [t, weight], { kernel_shape: w.slice(2), ...attrs }),
  );
}

const pool = (f: typeof maxPool, name: string, h: number, w: number, options: PoolOptions) =>
  row(name, [spaced(2, 2, h, w)], (x: Tensor) => f(x, options));

const pools = (f: typeof maxPool): OpCase[] => [
  pool(f, 'kernel = stride', 4, 6, { kernel: 2 }),
  pool(f, 'kernel = stride, odd size', 5, 4, { kernel: 2 }),
  pool(f, 'overlapping', 5, 4, { kernel: 3, stride: 1 }),
  pool(f, 'stem: 3, 2, 1 even', 6, 4, { kernel: 3, stride: 2, padding: 1 }),
  pool(f, 'stem: 3, 2, 1 odd', 5, 7, { kernel: 3, stride: 2, padding: 1 }),
  pool(f, 'same size', 4, 3, { kernel: 3, stride: 1, padding: 1 }),
  pool(f, 'gaps between windows', 7, 8, { kernel: 2, stride: 3 }),
  pool(f, 'the whole map', 3, 3, { kernel: 3 }),
  pool(f, 'one by one', 3, 2, { kernel: 1 }),
];

export const convCases = {
  Conv: [
    convRow('1x1', { x: [2, 3, 3, 4], out: 2, kernel: 1 }),
    convRow('1x1 with bias', { x: [2, 3, 2, 2], out: 4, kernel: 1, bias: true }),
    convRow('1x1 stride 2, even', { x: [1, 2, 4, 6], out: 3, kernel: 1, stride: 2 }),
    convRow('1x1 stride 2, odd', { x: [1, 2, 5, 3], out: 3, kernel: 1, stride: 2, bias: true }),
    convRow('3x3 valid', { x: [2, 2, 4, 5], out: 3, kernel: 3 }),
    convRow('3x3 same', { x: [2, 2, 4, 3], out: 3, kernel: 3, padding: 1, bias: true }),
    convRow('3x3 stride 2, even', { x: [2, 2, 6, 4], out: 2, kernel: 3, stride: 2, padding: 1 }),
    convRow('3x3 stride 2, odd', { x: [1, 2, 5, 7], out: 2, kernel: 3, stride: 2, padding: 1, bias: true }),
    convRow('3x3 stride 2 valid, a row unused', { x: [1, 2, 6, 5], out: 2, kernel: 3, stride: 2 }),
    convRow('3x3 padding 2', { x: [1, 1, 3, 3], out: 2, kernel: 3, padding: 2 }),
    convRow('3x3 padding beyond the kernel', { x: [1, 1, 3, 3], out: 2, kernel: 3, padding: 3 }),
    convRow('7x7 stem', { x: [1, 3, 8, 9], out: 2, kernel: 7, stride: 2, padding: 3 }),
    convRow('patches', { x: [2, 3, 4, 8], out: 5, kernel: 4, stride: 4, bias: true }),
    convRow('stride 3, kernel 2: gaps', { x: [1, 2, 7, 8], out: 2, kernel: 2, stride: 3 }),
    convRow('grouped', { x: [2, 4, 4, 3], out: 6, kernel: 3, padding: 1, groups: 2, bias: true }),
    convRow('grouped stride 2', { x: [1, 6, 5, 4], out: 3, kernel: 3, stride: 2, padding: 1, groups: 3 }),
    convRow('depthwise', { x: [2, 3, 4, 4], out: 3, kernel: 3, padding: 1, groups: 3, bias: true }),
    convRow('depthwise stride 2, two each', { x: [1, 2, 5, 4], out: 4, kernel: 3, stride: 2, padding: 1, groups: 2 }),
    convRow('rectangular kernel', { x: [1, 2, 4, 5], out: 2, kernel: [1, 3], padding: 0 }),
    convRow('one pixel', { x: [2, 3, 1, 1], out: 2, kernel: 1 }),
    convRow('more columns than are joined', { x: [1, 67, 3, 3], out: 2, kernel: 3, padding: 1 }),
    spelled(Conv, 'axes differ', [2, 2, 5, 6], [3, 2, 2, 3], { strides: [2, 1], pads: [1, 0, 0, 2] }),
    spelled(Conv, 'uneven pads, stride 1', [1, 2, 4, 4], [2, 2, 3, 3], { strides: [1, 1], pads: [0, 2, 1, 0] }),
    spelled(Conv, 'attributes left out', [1, 2, 3, 3], [2, 2, 2, 2], {}),
  ],
  ConvTranspose: [
    spelled(ConvTranspose, 'plain', [2, 2, 3, 4], [2, 3, 3, 3], {}),
    spelled(ConvTranspose, 'stride 2', [1, 2, 3, 2], [2, 3, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    spelled(ConvTranspose, 'output padding', [1, 2, 3, 2], [2, 2, 3, 3], {
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      output_padding: [1, 1],
    }),
    spelled(ConvTranspose, 'axes differ', [2, 2, 2, 3], [2, 2, 2, 3], {
      strides: [3, 1],
      pads: [1, 0, 0, 1],
      output_padding: [2, 0],
    }),
    spelled(ConvTranspose, 'gaps', [1, 1, 2, 2], [1, 2, 2, 2], { strides: [3, 3] }),
    spelled(ConvTranspose, 'grouped', [1, 4, 3, 3], [4, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
    spelled(ConvTranspose, 'grouped stride 2', [1, 4, 3, 2], [4, 1, 2, 2], { group: 2, strides: [2, 2] }),
  ],
};

export const poolCases = {
  MaxPool: [
    ...pools(maxPool),
    row('ties go to the first', [given([1, 1, 2, 4], [5, 5, 1, 2, 5, 0, 2, 2])], (x) => maxPool(x, { kernel: 2 }), {
      subgradient: [[1, 0, 0, 1, 0, 0, 0, 0]],
    }),
    row('overlapping windows share a maximum', [given([1, 1, 1, 3], [1, 9, 2])], (x) =>
      apply1(MaxPool, [x], { kernel_shape: [1, 2], strides: [1, 1], pads: [0, 0, 0, 0] }),
    ),
    row('padding never wins', [given([1, 1, 2, 2], [-5, -6, -7, -8])], (x) =>
      maxPool(x, { kernel: 3, stride: 2, padding: 1 }),
    ),
  ],
  AveragePool: pools(averagePool),
};
