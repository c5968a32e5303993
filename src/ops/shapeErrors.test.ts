import { describe, expect, it } from 'vitest';
import { apply1, floats, input, int64s } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { withLabel } from '../graph/scope.ts';
import type { Attrs, Op, Tensor } from '../graph/tensor.ts';
import { and, equal } from './compare.ts';
import { Conv, ConvTranspose, conv } from './conv.ts';
import { add, Clip, log, Max, where } from './elementwise.ts';
import { Gelu } from './gelu.ts';
import { gather, gatherElements, ScatterElements } from './gather.ts';
import { gemm, matmul } from './matmul.ts';
import { concat, Expand, Pad, pad, reshape, slice, split, transpose } from './movement.ts';
import { BatchNormalization, batchNormEval, LayerNormalization, layerNorm } from './norm.ts';
import { AveragePool, averagePool, MaxPool } from './pool.ts';
import { argMax, ReduceSum, reduceSum } from './reduce.ts';
import { softmax } from './softmax.ts';

const t = (...shape: number[]): Tensor => input(`t${shape.join('x')}`, shape);
const whole = (...shape: number[]): Tensor => input(`i${shape.join('x')}`, shape, 'int64');
const image = t(1, 2, 4, 4);
const pooling = (more: Attrs) => ({ kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], ...more });
const applied = (op: Op, inputs: readonly (Tensor | undefined)[], attrs: Attrs = {}) => apply1(op, inputs, attrs);

const FAULTS: readonly (readonly [wanted: string, build: () => unknown])[] = [
  ['Add: shapes do not broadcast: [2,3] and [2]', () => add(t(2, 3), t(2))],
  ['Add: dtypes differ: float32, int64', () => add(t(2), whole(2))],
  ['Max: 2 inputs are needed, got 3', () => applied(Max, [t(2), t(2), t(2)])],
  ['Equal: dtypes differ: float32, int64', () => equal(t(2), whole(2))],
  ['And: bool is needed, got float32', () => and(t(2), t(2))],
  ['Where: the condition must be bool, got float32', () => where(t(2), t(2), t(2))],
  ['Clip: a bound must be a constant', () => applied(Clip, [t(2), t()])],
  ['Gelu: approximate = tanh is not supported, only none', () => applied(Gelu, [t(2)], { approximate: 'tanh' })],
  ['Log: input 0 is missing', () => applied(log(t(2)).node.op, [])],
  ['MatMul: inner sizes differ: [2,3] x [4,5]', () => matmul(t(2, 3), t(4, 5))],
  ['MatMul: rank 2 or more is needed: [3] x [3,2]', () => matmul(t(3), t(3, 2))],
  ['MatMul: shapes do not broadcast: [2] and [3]', () => matmul(t(2, 1, 4), t(3, 4, 1))],
  [
    "FusedMatMul: inner sizes differ: [1,3,2]' x [4,5]'",
    () => matmul(t(1, 3, 2), t(4, 5), { transA: true, transB: true }),
  ],
  ['Gemm: C [1,2,4] does not broadcast to [2,4]', () => gemm(t(2, 3), t(3, 4), t(1, 2, 4))],
  ['Gemm: shapes do not broadcast: [3] and [2,4]', () => gemm(t(2, 3), t(3, 4), t(3))],
  ['Gemm: rank 2 is needed: [1,2,3], [3,4]', () => gemm(t(1, 2, 3), t(3, 4), undefined)],
  ['Reshape: [2,3] does not fit [4]', () => reshape(t(2, 3), [4])],
  ['Reshape: [2,3] does not fit [4,1.5]', () => reshape(t(2, 3), [4, -1])],
  ['Transpose: perm [0,0] does not permute [2,3]', () => transpose(t(2, 3), [0, 0])],
  ['Transpose: perm [1,0] does not permute [2,3,4]', () => transpose(t(2, 3, 4), [1, 0])],
  ['Expand: the shape must be a constant', () => applied(Expand, [t(2), whole(1)])],
  ['Concat: shapes differ beyond axis 1: [2,3], [3,3]', () => concat([t(2, 3), t(3, 3)], 1)],
  ['Split: sizes [1,3] sum to 4; axis 1 of [2,3] has 3', () => split(t(2, 3), [1, 3], 1)],
  ['Slice: [3:3:1] is not inside axis 0 of [4]', () => slice(t(4), 0, 3, 3)],
  ['Pad: pads [0,-1] do not fit [4]', () => pad(t(4), [0], [-1])],
  [
    'Pad: mode = reflect is not supported, only constant',
    () => applied(Pad, [t(4), int64s([1, 1])], { mode: 'reflect' }),
  ],
  ['Pad: only zeros are padded', () => applied(Pad, [t(4), int64s([1, 1]), floats([], [1])])],
  [
    'Gather: axis 2 is not in a tensor of rank 2',
    () => applied(gather(t(2, 2), whole(1), 0).node.op, [t(2, 2), whole(1)], { axis: 2 }),
  ],
  ['GatherElements: indices must have the rank of the data', () => gatherElements(t(2, 3), whole(2), 1)],
  [
    'ScatterElements: reduction must be add, got none',
    () => applied(ScatterElements, [t(3), whole(2), t(2)], { axis: 0, reduction: 'none' }),
  ],
  [
    'ScatterElements: indices [2] and updates [3] differ',
    () => applied(ScatterElements, [t(3), whole(2), t(3)], { axis: 0, reduction: 'add' }),
  ],
  ['Conv: weight [2,3,1,1] in 1 groups does not fit input [1,2,4,4]', () => conv(image, t(2, 3, 1, 1))],
  [
    'Conv: weight [3,1,1,1] in 2 groups does not fit input [1,2,4,4]',
    () => conv(image, t(3, 1, 1, 1), undefined, { groups: 2 }),
  ],
  ['Conv: kernel 5 is larger than the padded input 4', () => conv(image, t(2, 2, 5, 5))],
  [
    'Conv: dilations = 2,2 is not supported, only 1,1',
    () => applied(Conv, [image, t(2, 2, 1, 1)], { kernel_shape: [1, 1], dilations: [2, 2] }),
  ],
  [
    'Conv: auto_pad = SAME_UPPER is not supported, only NOTSET',
    () => applied(Conv, [image, t(2, 2, 1, 1)], { kernel_shape: [1, 1], auto_pad: 'SAME_UPPER' }),
  ],
  [
    'ConvTranspose: weight [3,2,1,1] does not fit input [1,2,4,4]',
    () => applied(ConvTranspose, [image, t(3, 2, 1, 1)], { kernel_shape: [1, 1] }),
  ],
  [
    'ConvTranspose: a bias is not supported',
    () => applied(ConvTranspose, [image, t(2, 2, 1, 1), t(2)], { kernel_shape: [1, 1] }),
  ],
  ['MaxPool: ceil_mode = 1 is not supported, only 0', () => applied(MaxPool, [image], pooling({ ceil_mode: 1 }))],
  [
    'AveragePool: count_include_pad must be 1 where there is padding',
    () => applied(AveragePool, [image], pooling({ pads: [1, 1, 1, 1] })),
  ],
  ['AveragePool: rank 4 is needed, got 2', () => averagePool(t(2, 2), { kernel: 2 })],
  ['LayerNormalization: scale and bias must be [3], got [2]', () => layerNorm(t(2, 3), t(3), t(2), 1e-5)],
  [
    'LayerNormalization: axis 0 is not supported, only the last',
    () => applied(LayerNormalization, [t(2, 3), t(3), t(3)], { axis: 0 }),
  ],
  ['BatchNormalization: input 2 must be [2], got [3]', () => batchNormEval(image, t(2), t(3), t(2), t(2), 1e-5)],
  [
    'BatchNormalization: training_mode = 1 is not supported, only 0',
    () => applied(BatchNormalization, [image, t(2), t(2), t(2), t(2)], { training_mode: 1 }),
  ],
  [
    'ReduceSum: noop_with_empty_axes = 1 is not supported, only 0',
    () => applied(ReduceSum, [t(2)], { noop_with_empty_axes: 1 }),
  ],
];

describe('shape errors', () => {
  it.each(FAULTS)('%s', (wanted, build) => {
    expect(build).toThrow(BuildError);
    expect(() => withLabel('blocks.3.attn', build)).toThrow(new BuildError(`blocks.3.attn: ${wanted}`));
    expect(build).toThrow(new BuildError(wanted));
  });

  it.each([
    ['softmax', () => softmax(t(2, 3), 2)],
    ['reduceSum', () => reduceSum(t(2, 3), { axes: [2] })],
    ['argMax', () => argMax(t(2, 3), { axis: -3 })],
    ['concat', () => concat([t(2, 3), t(2, 3)], 2)],
  ])('%s says which axis a tensor does not have', (_, build) => {
    expect(build).toThrow(/axis (2|-3) is not in a tensor of rank 2/);
  });
});
