import { describe, expect, it } from 'vitest';
import { grad } from '../autodiff/grad.ts';
import { evaluate } from '../engine/reference.ts';
import { input, inputName, isInput } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { shareCommon } from '../graph/passes/shareCommon.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { mul } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reduceSum } from '../ops/reduce.ts';
import { softmax } from '../ops/softmax.ts';
import { stream } from '../random/stream.ts';
import { rowSums } from './rowSums.ts';

const [B, H, N, D] = [2, 3, 7, 4];
const p = input('p', [B, H, N, N]);
const v = input('v', [B, H, N, D]);
const g = input('g', [B, H, N, D]);

function valuesOf(outputs: readonly Tensor[]): number[] {
  const ports = topologicalOrder(outputs)
    .map(({ outputs }) => outputs[0]!)
    .filter(isInput);
  const feeds = ports.map((port) => {
    const random = stream('rowSums', inputName(port));
    return [
      inputName(port),
      ndArray(port.shape, Float64Array.from({ length: sizeOf(port.shape) }, random.normal)),
    ] as const;
  });
  return evaluate(outputs, new Map(feeds)).flatMap(({ data }) => Array.from(data));
}

/** The shapes that are summed. */
const summed = (outputs: readonly Tensor[]): (readonly number[])[] =>
  topologicalOrder(outputs)
    .filter(({ op }) => op.name === 'ReduceSum')
    .map(({ inputs }) => inputs[0]!.shape);

function sameValues(outputs: readonly Tensor[]): Tensor[] {
  const after = rowSums(shareCommon(outputs));
  expect(after.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape));
  const [was, is] = [valuesOf(outputs), valuesOf(after)];
  for (const [i, x] of is.entries()) expect(Math.abs(x - was[i]!)).toBeLessThan(1e-12 * Math.max(1, Math.abs(was[i]!)));
  return after;
}

describe('rowSums', () => {
  it("sums in attention's gradient over the channels of a head, not over the tokens", () => {
    const [q, k] = [input('q', [B, H, N, D]), input('k', [B, H, N, D])];
    const out = matmul(softmax(matmul(q, k, { transB: true, alpha: 0.5 })), v);
    const loss = reduceSum(mul(mul(out, out), g));
    const gradients = grad(loss, [q, k, v]);
    expect(summed(gradients)).toContainEqual([B, H, N, N]);
    expect(summed(sameValues([loss, ...gradients])).filter((shape) => shape.at(-1) === N)).toEqual([]);
  });

  it.each([
    ['either factor first', mul(matmul(g, v, { transB: true }), p), true],
    ['the axis left out', mul(p, matmul(g, v, { transB: true })), false],
  ] as const)('%s', (_, product, keepDims) => {
    expect(summed(sameValues([matmul(p, v), reduceSum(product, { axes: [-1], keepDims })]))).toEqual([[B, H, N, D]]);
  });

  it('with factors on both products', () => {
    const scaled = mul(p, matmul(g, v, { transB: true, alpha: 3 }));
    const sums = reduceSum(scaled, { axes: [-1], keepDims: true });
    expect(summed(sameValues([matmul(p, v, { alpha: 0.25 }), sums]))).toEqual([[B, H, N, D]]);
  });

  const gv = matmul(g, v, { transB: true });
  const wide = input('wide', [B, H, N, 9]);
  it.each([
    ['the product is not there', [reduceSum(mul(p, gv), { axes: [-1] })]],
    ['the product is times 0', [matmul(p, v, { alpha: 0 }), reduceSum(mul(p, gv), { axes: [-1] })]],
    ['the sum is along another axis', [matmul(p, v), reduceSum(mul(p, gv), { axes: [-2] })]],
    ['the sum is along more axes', [matmul(p, v), reduceSum(mul(p, gv), { axes: [-2, -1] })]],
    ['only the transposed product is there', [matmul(p, v, { transA: true }), reduceSum(mul(p, gv), { axes: [-1] })]],
    [
      'it is no shorter',
      [
        matmul(p, input('u', [B, H, N, 9])),
        reduceSum(mul(p, matmul(wide, input('u', [B, H, N, 9]), { transB: true })), { axes: [-1] }),
      ],
    ],
    [
      'a factor is broadcast',
      [matmul(input('one', [N, N]), v), reduceSum(mul(input('one', [N, N]), gv), { axes: [-1] })],
    ],
  ] as const)('leaves alone where %s', (_, outputs) => {
    const before = shareCommon(outputs);
    expect(summed(rowSums(before))).toEqual(summed(before));
    sameValues(outputs);
  });
});
