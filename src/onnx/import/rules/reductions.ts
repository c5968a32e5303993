import { int64s } from '../../../graph/build.ts';
import { BuildError } from '../../../graph/errors.ts';
import { normaliseAxes, normaliseAxis, reducedShape, sizeOf } from '../../../graph/shape.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { equal } from '../../../ops/compare.ts';
import { abs, add, div, exp, log, mul, sqrt, sub, where } from '../../../ops/elementwise.ts';
import {
  argMax,
  reduceMax,
  reduceMean,
  reduceMin,
  type ReduceOptions,
  reduceSum,
  reduceSumSquare,
} from '../../../ops/reduce.ts';
import { reshape } from '../../../ops/movement.ts';
import { logSoftmax, softmax } from '../../../ops/softmax.ts';
import { gather } from '../../../ops/gather.ts';
import { type Call, inputAt, listAt, type Rule, type Rules } from '../rule.ts';

type Reduce = (x: Tensor, options: ReduceOptions) => Tensor;

/** Axes are an attribute up to opset 12 or 17 and an input after it; none means all, or nothing where the node says so. */
const reduction =
  (f: Reduce): Rule =>
  (call) => {
    const x = inputAt(call, 0);
    const given = listAt(call, 1, 'axes') ?? [];
    if (given.length === 0 && call.attrs.int('noop_with_empty_axes', 0) === 1) return [x];
    const axes = given.length > 0 ? normaliseAxes(given, x.shape.length) : x.shape.map((_, axis) => axis);
    return [f(x, { axes, keepDims: call.attrs.int('keepdims', 1) === 1 })];
  };

const logSumExp: Reduce = (x, { axes, keepDims }) => {
  const top = reduceMax(x, { ...(axes ? { axes } : {}), keepDims: true });
  const total = add(log(reduceSum(exp(sub(x, top)), { ...(axes ? { axes } : {}), keepDims: true })), top);
  return keepDims ? total : reshape(total, reducedShape(x.shape, axes ?? [], false));
};

/** Each is a node. */
const MOST_FACTORS = 1000;

/** The product of a list, as shapes need it. */
const product: Rule = (call) => {
  const x = inputAt(call, 0);
  const axes = listAt(call, 1, 'axes');
  if (sizeOf(x.shape) > MOST_FACTORS) throw new BuildError(`a product of ${sizeOf(x.shape)} numbers is not supported`);
  if (x.shape.length > 1 || (axes && axes.length > 1))
    throw new BuildError('only a product over one axis is supported');
  const parts = Array.from({ length: sizeOf(x.shape) }, (_, i) => sliceOne(x, i));
  const all = parts.reduce((a, b) => mul(a, b));
  return [reshape(all, call.attrs.int('keepdims', 1) === 1 && x.shape.length === 1 ? [1] : [])];
};

function sliceOne(x: Tensor, at: number): Tensor {
  return x.shape.length === 0 ? x : gather(x, int64s([at]), 0);
}

/** Up to opset 12 a softmax flattens what is before and after its axis, which is 1 unless told. */
const normaliser =
  (f: (x: Tensor, axis: number) => Tensor): Rule =>
  (call) => {
    const x = inputAt(call, 0);
    const axis = normaliseAxis(call.attrs.int('axis', call.opset < 13 ? 1 : -1), x.shape.length);
    if (call.opset >= 13 || axis === x.shape.length - 1) return [f(x, axis)];
    const flat = reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
    return [reshape(f(flat, 1), x.shape)];
  };

function argMaxRule(call: Call): Tensor {
  if (call.attrs.int('select_last_index', 0) !== 0) throw new BuildError('select_last_index = 1 is not supported');
  return argMax(inputAt(call, 0), { axis: call.attrs.int('axis', 0), keepDims: call.attrs.int('keepdims', 1) === 1 });
}

function lpNormalization(call: Call): Tensor {
  const x = inputAt(call, 0);
  const options = { axes: [normaliseAxis(call.attrs.int('axis', -1), x.shape.length)], keepDims: true };
  const p = call.attrs.int('p', 2);
  if (p !== 1 && p !== 2) throw new BuildError(`p = ${p} is not supported, only 1 or 2`);
  const total = p === 1 ? reduceSum(abs(x), options) : reduceSumSquare(x, options);
  // Where all is 0 the result is 0, as ONNX Runtime's is.
  const safe = where(equal(total, 0), 1, total);
  return div(x, p === 1 ? safe : sqrt(safe));
}

function space(x: Tensor): ReduceOptions {
  if (x.shape.length < 3) throw new BuildError(`wanted [N, C, ...] with places to pool over, got [${x.shape}]`);
  return { axes: x.shape.map((_, axis) => axis).slice(2), keepDims: true };
}

export const reductionRules: Rules = {
  ReduceSum: reduction(reduceSum),
  ReduceMean: reduction(reduceMean),
  ReduceMax: reduction(reduceMax),
  ReduceMin: reduction(reduceMin),
  ReduceSumSquare: reduction(reduceSumSquare),
  ReduceL1: reduction((x, options) => reduceSum(abs(x), options)),
  ReduceL2: reduction((x, options) => sqrt(reduceSumSquare(x, options))),
  ReduceLogSum: reduction((x, options) => log(reduceSum(x, options))),
  ReduceLogSumExp: reduction(logSumExp),
  ReduceProd: product,
  ArgMax: (call) => [argMaxRule(call)],
  Softmax: normaliser(softmax),
  LogSoftmax: normaliser(logSoftmax),
  LpNormalization: (call) => [lpNormalization(call)],
  GlobalAveragePool: (call) => [reduceMean(inputAt(call, 0), space(inputAt(call, 0)))],
  GlobalMaxPool: (call) => [reduceMax(inputAt(call, 0), space(inputAt(call, 0)))],
};
