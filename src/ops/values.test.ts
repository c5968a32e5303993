import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { floats, input, int64s } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { averagePool, maxPool } from './pool.ts';
import { conv, convTranspose } from './conv.ts';
import { cast, clip, erf, maximum, minimum, round, step, where } from './elementwise.ts';
import { flip, gather, gatherElements, scatterElements } from './gather.ts';
import { greater, greaterOrEqual, less, lessOrEqual } from './compare.ts';
import { gemm, matmul } from './matmul.ts';
import { concat, pad, reshape, slice, split, transpose } from './movement.ts';
import { argMax, reduceMax, reduceMean, reduceMin, reduceSum, reduceSumSquare } from './reduce.ts';
import { logSoftmax, softmax } from './softmax.ts';
import { erfValue } from './special.ts';

/** Hand-worked values: what the functions that people call build, apart from what ONNX Runtime makes of it. */
const valueAt = (t: Tensor): number[] => Array.from(evaluate([t], new Map())[0]!.data);

const a = floats([2, 3], [1, 2, 3, 4, 5, 6]);
const b = floats([3, 2], [1, 0, 0, 1, 1, 1]);
const map = floats([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
const ones = floats([1, 1, 2, 2], [1, 1, 1, 1]);

const ROWS: readonly (readonly [name: string, t: Tensor, shape: readonly number[], values: readonly number[]])[] = [
  ['matmul', matmul(a, b), [2, 2], [4, 5, 10, 11]],
  ["matmul A' alpha", matmul(a, a, { transA: true, alpha: 2 }), [3, 3], [34, 44, 54, 44, 58, 72, 54, 72, 90]],
  ['matmul of batches', matmul(reshape(a, [2, 1, 3]), reshape(a, [2, 3, 1])), [2, 1, 1], [14, 77]],
  ["batched matmul B'", matmul(reshape(a, [2, 1, 3]), floats([1, 3], [1, 1, 1]), { transB: true }), [2, 1, 1], [6, 15]],
  ['gemm', gemm(a, b, floats([2], [10, 20]), { alpha: 2, beta: 0.5 }), [2, 2], [13, 20, 25, 32]],
  ['transpose', transpose(a, [1, 0]), [3, 2], [1, 4, 2, 5, 3, 6]],
  ['concat', concat([a, slice(a, 1, 0, 1)], 1), [2, 4], [1, 2, 3, 1, 4, 5, 6, 4]],
  ['split', split(a, [1, 2], 1)[1]!, [2, 2], [2, 3, 5, 6]],
  ['slice', slice(a, 1, 0, 3, 2), [2, 2], [1, 3, 4, 6]],
  ['slice to a negative end', slice(a, -1, 0, -1), [2, 2], [1, 2, 4, 5]],
  ['pad', pad(floats([1, 2], [7, 8]), [1, 0], [0, 1]), [2, 3], [0, 0, 0, 7, 8, 0]],
  ['flip', flip(a, -1), [2, 3], [3, 2, 1, 6, 5, 4]],
  ['gather', gather(a, int64s([2, 0]), 1), [2, 2], [3, 1, 6, 4]],
  ['gatherElements', gatherElements(a, cast(floats([2, 1], [2, 0]), 'int64'), 1), [2, 1], [3, 4]],
  ['scatterElements', scatterElements([4], int64s([1, 3, 1]), floats([3], [5, 6, 7]), 0), [4], [0, 12, 0, 6]],
  ['reduceSum of all', reduceSum(a), [], [21]],
  ['reduceSum', reduceSum(a, { axes: [0] }), [3], [5, 7, 9]],
  ['reduceMean kept', reduceMean(a, { axes: [-1], keepDims: true }), [2, 1], [2, 5]],
  ['reduceMax', reduceMax(a, { axes: [1] }), [2], [3, 6]],
  ['reduceMin', reduceMin(a, { axes: [0] }), [3], [1, 2, 3]],
  ['reduceSumSquare', reduceSumSquare(a, { axes: [1] }), [2], [14, 77]],
  ['reduceSum over no axis', reduceSum(b, { axes: [] }), [3, 2], [1, 0, 0, 1, 1, 1]],
  ['reduceSumSquare over no axis', reduceSumSquare(a, { axes: [] }), [2, 3], [1, 4, 9, 16, 25, 36]],
  ['argMax', argMax(a, { axis: 0 }), [3], [1, 1, 1]],
  ['maximum and minimum', maximum(minimum(a, 5), 2), [2, 3], [2, 2, 3, 4, 5, 5]],
  ['clip', clip(a, 2, 4), [2, 3], [2, 2, 3, 4, 4, 4]],
  ['where', where(greater(a, 3), a, 0), [2, 3], [0, 0, 0, 4, 5, 6]],
  ['step is 0 at its bound', step(a, 3), [2, 3], [0, 0, 0, 1, 1, 1]],
  ['greaterOrEqual', greaterOrEqual(a, 3), [2, 3], [0, 0, 1, 1, 1, 1]],
  ['less', less(a, 3), [2, 3], [1, 1, 0, 0, 0, 0]],
  ['lessOrEqual', lessOrEqual(a, 3), [2, 3], [1, 1, 1, 0, 0, 0]],
  ['round', round(floats([4], [0.5, 1.5, -0.4, 2.6])), [4], [0, 2, 0, 3]],
  ['conv', conv(map, ones), [1, 1, 2, 2], [12, 16, 24, 28]],
  [
    'conv, stride and padding',
    conv(map, ones, floats([1], [100]), { stride: 2, padding: 1 }),
    [1, 1, 2, 2],
    [101, 105, 111, 128],
  ],
  ['convTranspose', convTranspose(floats([1, 1, 1, 2], [1, 2]), ones), [1, 1, 2, 3], [1, 3, 2, 1, 3, 2]],
  ['maxPool', maxPool(map, { kernel: 2, stride: 1 }), [1, 1, 2, 2], [5, 6, 8, 9]],
  [
    'averagePool',
    averagePool(map, { kernel: 2, stride: 1, padding: 1 }).node.outputs[0]!,
    [1, 1, 4, 4],
    [0.25, 0.75, 1.25, 0.75, 1.25, 3, 4, 2.25, 2.75, 6, 7, 3.75, 1.75, 3.75, 4.25, 2.25],
  ],
  ['softmax over the last axis', softmax(floats([2, 2], [0, 0, 5, 5])), [2, 2], [0.5, 0.5, 0.5, 0.5]],
];

describe('the value of', () => {
  it.each(ROWS)('%s', (_, t, shape, values) => {
    expect(t.shape).toEqual(shape);
    expect(valueAt(t).map((x) => Number(x.toFixed(14)))).toEqual(values);
  });

  it('logSoftmax of huge logits', () => {
    expect(valueAt(logSoftmax(floats([2], [1e4, 0])))).toEqual([0, -1e4]);
  });

  // Reference: Abramowitz & Stegun, table 7.1, and Python's math.erf.
  it.each([
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
    [4.5, 0.999999999803384],
  ])('erf(%f)', (x, wanted) => {
    expect(Math.abs(erfValue(x) - wanted)).toBeLessThan(2e-15);
    expect(erfValue(-x)).toBe(-erfValue(x));
    expect(Math.abs(valueAt(erf(floats([1], [x])))[0]! - wanted)).toBeLessThan(2e-15);
  });

  it('erf is the same on both sides of the change of formula', () => {
    expect(Math.abs(erfValue(2.5 - 1e-12) - erfValue(2.5))).toBeLessThan(1e-13);
  });
});

describe('no node is built', () => {
  const x = input('x', [2, 3]);
  it.each([
    ['reshape', reshape(x, [2, 3])],
    ['transpose', transpose(x, [0, 1])],
    ['slice', slice(x, 1, 0, 3)],
    ['pad', pad(x, [0, 0], [0, 0])],
    ['concat', concat([x], 0)],
    ['split', split(x, [3], 1)[0]!],
    ['cast', cast(x, 'float32')],
    ['flip', flip(slice(x, 0, 0, 1), 0).node.inputs[0]!],
  ])('for a %s that does nothing', (_, t) => {
    expect(t).toBe(x);
  });

  it('for a transposition that a product can absorb', () => {
    expect(matmul(x, x, { transB: true }).node.op.name).toBe('Gemm');
    expect(matmul(input('q', [1, 2, 3]), x, { transB: true }).node.op.name).toBe('FusedMatMul');
    expect(matmul(x, transpose(x, [1, 0])).node.op.name).toBe('MatMul');
  });
});
