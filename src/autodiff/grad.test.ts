import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { apply1, floats, input } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { printGraph } from '../graph/print.ts';
import { withLabel } from '../graph/scope.ts';
import type { Op, Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { mul, pow, relu, sqrt, stopGradient, sub } from '../ops/elementwise.ts';
import { gelu } from '../ops/gelu.ts';
import { gemm, matmul } from '../ops/matmul.ts';
import { split } from '../ops/movement.ts';
import { layerNorm } from '../ops/norm.ts';
import { reduceMean, reduceSum } from '../ops/reduce.ts';
import { logSoftmax, softmax } from '../ops/softmax.ts';
import { closeProgram } from '../program/program.ts';
import { grad, vjp } from './grad.ts';

/** The graph as it would be emitted. */
const closed = (...outputs: Tensor[]): string =>
  printGraph([...closeProgram(Object.fromEntries(outputs.map((t, i) => [`out${i}`, t]))).outputs.values()]);

const opsOf = (...outputs: Tensor[]): string[] =>
  topologicalOrder([...closeProgram(Object.fromEntries(outputs.map((t, i) => [`out${i}`, t]))).outputs.values()])
    .map((node) => node.op.name)
    .filter((name) => name !== 'Input' && name !== 'Constant');

describe('the derived graph', () => {
  const dy = input('dy', [2, 4]);

  it('is two products for a product, with flags in place of transposes', () => {
    const [a, b] = [input('a', [2, 3]), input('b', [3, 4])];
    expect(closed(...vjp([matmul(a, b)], [dy], [a, b]))).toMatchInlineSnapshot(`
      "%0 = Gemm($dy, $b) transA=0 transB=1 alpha=1 beta=1 [2,3]
      %1 = Gemm($a, $dy) transA=1 transB=0 alpha=1 beta=1 [3,4]
      return %0, %1"
    `);
  });

  it('is two fused products for a batch of products', () => {
    const [q, k, dS] = [input('q', [2, 5, 3]), input('k', [2, 4, 3]), input('dS', [2, 5, 4])];
    const scores = matmul(q, k, { transB: true, alpha: 0.5 });
    expect(closed(...vjp([scores], [dS], [q, k]))).toMatchInlineSnapshot(`
      "%0 = FusedMatMul($dS, $k) transA=0 transB=0 alpha=0.5 [2,5,3]
      %1 = FusedMatMul($dS, $q) transA=1 transB=0 alpha=0.5 [2,4,3]
      return %0, %1"
    `);
  });

  it('folds the batch where the right operand has none', () => {
    const [x, w, g] = [input('x', [2, 5, 3]), input('w', [3, 4]), input('g', [2, 5, 4])];
    expect(closed(...vjp([matmul(x, w)], [g], [x, w]))).toMatchInlineSnapshot(`
      "%0 = FusedMatMul($g, $w) transA=0 transB=1 alpha=1 [2,5,3]
      %1 = Reshape($x, [10,3]) [10,3]
      %2 = Reshape($g, [10,4]) [10,4]
      %3 = Gemm(%1, %2) transA=1 transB=0 alpha=1 beta=1 [3,4]
      return %0, %3"
    `);
  });

  it('is two products and one sum for a linear layer', () => {
    const [x, w, b] = [input('x', [2, 3]), input('w', [4, 3]), input('b', [4])];
    expect(closed(...vjp([gemm(x, w, b, { transB: true })], [dy], [x, w, b]))).toMatchInlineSnapshot(`
      "%0 = MatMul($dy, $w) [2,3]
      %1 = Gemm($dy, $x) transA=1 transB=0 alpha=1 beta=1 [4,3]
      %2 = ReduceSum($dy, [0]) keepdims=0 [4]
      return %0, %1, %2"
    `);
  });

  it('computes only the gradients that are asked for', () => {
    const [x, w, b] = [input('x', [2, 3]), input('w', [4, 3]), input('b', [4])];
    expect(opsOf(...vjp([gemm(x, w, b, { transB: true })], [dy], [w]))).toEqual(['Gemm']);
    expect(opsOf(...vjp([gemm(x, w, b, { transB: true })], [dy], [b]))).toEqual(['ReduceSum']);
  });

  it('reuses what the forward pass has: softmax, layer normalisation', () => {
    const x = input('x', [2, 4]);
    expect(closed(...vjp([softmax(x)], [dy], [x]))).toMatchInlineSnapshot(`
      "%0 = Softmax($x) axis=1 [2,4]
      %1 = Mul($dy, %0) [2,4]
      %2 = ReduceSum(%1, [1]) keepdims=1 [2,1]
      %3 = Sub($dy, %2) [2,4]
      %4 = Mul(%0, %3) [2,4]
      return %4"
    `);
    const [scale, bias] = [input('scale', [4]), input('bias', [4])];
    expect(closed(...vjp([layerNorm(x, scale, bias, 1e-6)], [dy], [x, scale, bias]))).toMatchInlineSnapshot(`
      "%0 = Mul($dy, $scale) [2,4]
      %1 = Reshape($scale, [4,1]) [4,1]
      %2 = MatMul($dy, %1) [2,1]
      %3 = Mul(%2, 0.25) [2,1]
      %4 = Sub(%0, %3) [2,4]
      %5 = LayerNormalization($x, $scale, $bias) axis=-1 epsilon=0.000001 [2,4] [2,1] [2,1]
      %6 = Sub($x, %5.1) [2,4]
      %7 = Mul(%5.2, %5.2) [2,1]
      %8 = Mul($dy, %6) [2,4]
      %9 = MatMul(%8, %1) [2,1]
      %10 = Mul(%9, 0.25) [2,1]
      %11 = Mul(%7, %10) [2,1]
      %12 = Mul(%6, %11) [2,4]
      %13 = Sub(%4, %12) [2,4]
      %14 = Mul(%13, %5.2) [2,4]
      %15 = Reshape(%5.2, [1,2]) [1,2]
      %16 = MatMul(%15, %8) [1,4]
      %17 = Reshape(%16, [4]) [4]
      %18 = ReduceSum($dy, [0]) keepdims=0 [4]
      return %14, %17, %18"
    `);
  });

  it('of softmax cross-entropy with constant shapes keeps no neutral element', () => {
    const [x, target] = [input('x', [2, 4]), input('target', [2, 4])];
    const loss = mul(reduceMean(reduceSum(mul(target, logSoftmax(x)), { axes: [1] })), -1);
    expect(closed(loss, ...grad(loss, [x]))).toMatchInlineSnapshot(`
      "%0 = LogSoftmax($x) axis=1 [2,4]
      %1 = Mul($target, %0) [2,4]
      %2 = ReduceSum(%1, [1]) keepdims=0 [2]
      %3 = ReduceMean(%2, -) keepdims=0 []
      %4 = Mul(%3, -1) []
      %5 = Mul(-0.5, $target) [2,4]
      %6 = Exp(%0) [2,4]
      %7 = ReduceSum(%5, [1]) keepdims=1 [2,1]
      %8 = Mul(%6, %7) [2,4]
      %9 = Sub(%5, %8) [2,4]
      return %4, %9"
    `);
  });

  it('of a branch that is not used leaves no node', () => {
    const [x, w, v] = [input('x', [2, 3]), input('w', [3, 4]), input('v', [3, 4])];
    const [used, unused] = [matmul(x, w), gelu(matmul(x, v))];
    expect(unused.shape).toEqual([2, 4]);
    const ops = opsOf(used, ...vjp([used], [dy], [w]));
    expect(ops.sort()).toEqual(['Gemm', 'MatMul']);
  });

  it('has no node of a stopped side: neither its gradient nor the stop itself', () => {
    const [s, t, w, v] = [input('s', [2, 3]), input('t', [2, 3]), input('w', [3]), input('v', [3])];
    const student = mul(s, w);
    const teacher = stopGradient(sqrt(mul(t, v)));
    const difference = sub(student, teacher);
    const loss = reduceSum(mul(difference, difference));
    const [dw, dv] = grad(loss, [w, v]);
    expect(opsOf(dv!)).toEqual([]);
    expect(closed(dw!)).toMatchInlineSnapshot(`
      "%0 = Mul($s, $w) [2,3]
      %1 = Mul($t, $v) [2,3]
      %2 = Sqrt(%1) [2,3]
      %3 = Sub(%0, %2) [2,3]
      %4 = Add(%3, %3) [2,3]
      %5 = Mul(%4, $s) [2,3]
      %6 = ReduceSum(%5, [0]) keepdims=0 [3]
      return %6"
    `);
  });
});

describe('grad', () => {
  const x = input('x', [3]);
  const feeds = new Map([['x', ndArray([3], [1, 2, -3])]]);
  const valueAt = (...outputs: Tensor[]) => evaluate(outputs, feeds).map((v) => Array.from(v.data));

  it('adds up the uses of a value', () => {
    const y = mul(x, 2);
    const loss = reduceSum(mul(mul(y, y), x)); // 4 x^3
    expect(valueAt(...grad(loss, [x]))).toEqual([[12, 48, 108]]);
  });

  it('stops at a value that is asked for, and goes on to what is behind it', () => {
    const y = mul(x, 2);
    const loss = reduceSum(mul(y, y)); // y^2 = 4 x^2
    expect(valueAt(...grad(loss, [y, x]))).toEqual([
      [4, 8, -12],
      [8, 16, -24],
    ]);
  });

  it('of a tensor to itself is 1', () => {
    const loss = reduceSum(x);
    expect(valueAt(...grad(loss, [loss]))).toEqual([[1]]);
  });

  it('takes a loss of shape [1,1] as one number', () => {
    expect(valueAt(...grad(reduceSum(mul(x, x), {}), [x]))).toEqual([[2, 4, -6]]);
    const kept = reduceSum(mul(floats([1, 3], [1, 1, 1]), x), { axes: [0, 1], keepDims: true });
    expect(kept.shape).toEqual([1, 1]);
    expect(valueAt(...grad(kept, [x]))).toEqual([[1, 1, 1]]);
  });

  it('gives zeros of the right shape for what the loss does not depend on', () => {
    const [other, whole] = [input('other', [2, 2]), input('i', [2], 'int64')];
    const [a, b] = grad(reduceSum(x), [other, whole]);
    expect([a!.shape, a!.dtype, b!.dtype]).toEqual([[2, 2], 'float32', 'int64']);
    expect(valueAt(a!, b!)).toEqual([
      [0, 0, 0, 0],
      [0, 0],
    ]);
  });

  it('flows through the used outputs of a node with several', () => {
    const [first, , third] = split(x, [1, 1, 1], 0);
    expect(valueAt(...grad(reduceSum(mul(first!, third!)), [x]))).toEqual([[-3, 0, 1]]);
  });

  it('sums over what was broadcast', () => {
    const [row, column] = [input('row', [1, 3]), input('column', [2, 1])];
    const fed = new Map([
      ['row', ndArray([1, 3], [1, 2, 3])],
      ['column', ndArray([2, 1], [10, 20])],
    ]);
    const values = evaluate(grad(reduceSum(mul(row, column)), [row, column]), fed);
    expect(values.map((v) => [v.shape, Array.from(v.data)])).toEqual([
      [
        [1, 3],
        [30, 30, 30],
      ],
      [
        [2, 1],
        [6, 6],
      ],
    ]);
  });

  it('is itself differentiable', () => {
    const [first] = grad(reduceSum(mul(x, mul(x, x))), [x]); // 3 x^2
    expect(valueAt(...grad(reduceSum(first!), [x]))).toEqual([[6, 12, -18]]);
  });

  it('gives its nodes the label of the node that they derive', () => {
    const hidden = withLabel('blocks.0.mlp', () => gelu(mul(x, 3)));
    const loss = withLabel('loss', () => reduceSum(mul(hidden, hidden)));
    const forward = new Set(topologicalOrder([loss]));
    const derived = topologicalOrder(grad(loss, [x])).filter(
      (node) => !forward.has(node) && node.op.name !== 'Constant',
    );
    const labels = new Set(derived.map((node) => `${node.label}:${node.op.name}`));
    expect(labels).toContain('blocks.0.mlp:Erf');
    expect(labels).toContain('loss:Mul');
    expect([...labels].filter((l) => l.startsWith(':'))).toEqual([]);
  });

  it('keeps labels when the program is simplified', () => {
    const loss = withLabel('loss', () => reduceSum(relu(mul(x, 3)), { keepDims: true }));
    const program = closeProgram({ g: grad(loss, [x])[0]! });
    const labels = topologicalOrder([...program.outputs.values()]).flatMap((n) =>
      n.inputs.length > 0 ? [n.label] : [],
    );
    expect(new Set(labels)).toEqual(new Set(['loss']));
  });
});

describe('grad refuses', () => {
  const x = input('x', [3]);

  it('a loss that is not one number', () => {
    expect(() => grad(mul(x, 2), [x])).toThrow('grad: the loss must be one number, got [3]');
  });

  it('a node without a derivative, by its label', () => {
    const opaque: Op = {
      name: 'TopK',
      infer: ([a]) => [{ dtype: a!.dtype, shape: a!.shape }],
      vjp: 'none',
      reference: ([a]) => [a!],
    };
    const inside = withLabel('teacher.head', () => apply1(opaque, [x]));
    expect(() => grad(reduceSum(inside), [x])).toThrow('teacher.head: TopK has no derivative');
    expect(() => grad(reduceSum(apply1(opaque, [x])), [x])).toThrow(/^TopK has no derivative$/);
    expect(grad(reduceSum(stopGradient(inside)), [x])[0]!.shape).toEqual([3]);
  });

  it('an exponent that is trained, by its label', () => {
    const e = input('e', []);
    const y = withLabel('norm', () => pow(x, e));
    expect(() => grad(reduceSum(y), [e])).toThrow('norm: Pow: no gradient to the exponent');
  });
});
