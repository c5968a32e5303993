import { apply1, constantValue, floats, int64s } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { fromFunction, type NdArray, zeros } from '../graph/ndArray.ts';
import { normaliseAxes, normaliseAxis, reducedShape, sameShape, sizeOf, stridesOf } from '../graph/shape.ts';
import type { Node, Op, Tensor, Vjp } from '../graph/tensor.ts';
import { cast, div, expectAttrs, mul } from './elementwise.ts';
import { need } from './broadcast.ts';
import { equal } from './compare.ts';
import { matmul } from './matmul.ts';
import { expand, reshape } from './movement.ts';

export interface ReduceOptions {
  axes?: readonly number[];
  keepDims?: boolean;
}

/** Axes of a reduction node: its second input; none or an empty one means all. */
function axesOf(node: { inputs: readonly (Tensor | undefined)[] }): number[] {
  const rank = node.inputs[0]!.shape.length;
  const axes = node.inputs[1] ? constantValue(node.inputs[1], 'axes') : [];
  return axes.length > 0 ? normaliseAxes(axes, rank) : Array.from({ length: rank }, (_, i) => i);
}

/** The tensor with the reduced axes put back as 1s. */
function unreduce(x: Tensor, node: Node): Tensor {
  return reshape(x, reducedShape(node.inputs[0]!.shape, axesOf(node), true));
}

const spread = (x: Tensor, node: Node): Tensor => expand(unreduce(x, node), node.inputs[0]!.shape);
const countOf = (node: Node): number => sizeOf(node.inputs[0]!.shape) / sizeOf(node.outputs[0]!.shape);

function reduction(
  name: string,
  start: number,
  fold: (sum: number, x: number) => number,
  vjp: Vjp,
  finish = (x: number, _count: number) => x,
): Op {
  return {
    name,
    infer: (inputs, attrs) => {
      const x = need(inputs, 0);
      expectAttrs(attrs, { noop_with_empty_axes: 0 });
      return [{ dtype: x.dtype, shape: reducedShape(x.shape, axesOf({ inputs }), attrs.keepdims !== 0) }];
    },
    vjp,
    reference: ([x], node) => {
      const kept = zeros(reducedShape(x!.shape, axesOf(node), true), x!.dtype);
      kept.data.fill(start);
      foldInto(kept, x!, fold);
      const count = countOf(node);
      return [{ ...kept, shape: node.outputs[0]!.shape, data: kept.data.map((v) => finish(v, count)) }];
    },
  };
}

function foldInto(into: NdArray & { data: Float64Array }, x: NdArray, fold: (sum: number, x: number) => number): void {
  const strides = stridesOf(into.shape);
  fromFunction(x.shape, (position, flat) => {
    let at = 0;
    for (let axis = 0; axis < position.length; axis++)
      if (into.shape[axis] !== 1) at += position[axis]! * strides[axis]!;
    into.data[at] = fold(into.data[at]!, x.data[flat]!);
    return 0;
  });
}

/** The gradient of an extremum goes to the elements that reach it, in equal parts (PyTorch's amax and amin). */
const toReached: Vjp = ({ node, dy, inputs: [x], outputs: [y] }) => {
  const reached = cast(equal(x!, unreduce(y!, node)), x!.dtype);
  const count = reduceSum(reached, { axes: axesOf(node), keepDims: true });
  return [mul(reached, div(unreduce(dy[0]!, node), count))];
};

export const ReduceSum = reduction(
  'ReduceSum',
  0,
  (s, x) => s + x,
  ({ node, dy }) => [spread(dy[0]!, node)],
);
export const ReduceMean = reduction(
  'ReduceMean',
  0,
  (s, x) => s + x,
  ({ node, dy }) => [spread(mul(dy[0]!, 1 / countOf(node)), node)],
  (sum, count) => sum / count,
);
export const ReduceSumSquare = reduction(
  'ReduceSumSquare',
  0,
  (s, x) => s + x * x,
  ({ node, dy, inputs: [x] }) => [mul(x!, unreduce(mul(dy[0]!, 2), node))],
);
export const ReduceMax = reduction('ReduceMax', -Infinity, Math.max, toReached);
export const ReduceMin = reduction('ReduceMin', Infinity, Math.min, toReached);

/** Index of the first largest element along an axis, int64. */
export const ArgMax: Op = {
  name: 'ArgMax',
  infer: (inputs, attrs) => {
    const x = need(inputs, 0);
    expectAttrs(attrs, { select_last_index: 0 });
    const axis = normaliseAxis(attrs.axis as number, x.shape.length);
    return [{ dtype: 'int64', shape: reducedShape(x.shape, [axis], attrs.keepdims !== 0) }];
  },
  vjp: 'zero',
  reference: ([x], { attrs, outputs }) => {
    const axis = normaliseAxis(attrs.axis as number, x!.shape.length);
    const [stride, length] = [stridesOf(x!.shape)[axis]!, x!.shape[axis]!];
    const out = zeros(outputs[0]!.shape, 'int64');
    for (let i = 0; i < out.data.length; i++) {
      const base = Math.floor(i / stride) * stride * length + (i % stride);
      let best = 0;
      for (let j = 1; j < length; j++) if (x!.data[base + j * stride]! > x!.data[base + best * stride]!) best = j;
      out.data[i] = best;
    }
    return [out];
  },
};

const reducer =
  (op: Op) =>
  (x: Tensor, { axes, keepDims = false }: ReduceOptions = {}): Tensor => {
    if (axes?.length === 0) return op === ReduceSumSquare ? mul(x, x) : x;
    return apply1(op, [x, axes && int64s(normaliseAxes(axes, x.shape.length))], { keepdims: keepDims ? 1 : 0 });
  };

export const [reduceSum, reduceMean, reduceMax, reduceMin] = [
  reducer(ReduceSum),
  reducer(ReduceMean),
  reducer(ReduceMax),
  reducer(ReduceMin),
];
export const reduceSumSquare = reducer(ReduceSumSquare);
export const argMax = (x: Tensor, { axis, keepDims = false }: { axis: number; keepDims?: boolean }): Tensor =>
  apply1(ArgMax, [x], { axis: normaliseAxis(axis, x.shape.length), keepdims: keepDims ? 1 : 0 });

/** Sums a broadcast gradient to the shape of the input it belongs to. */
export function sumTo(x: Tensor, shape: readonly number[], axes: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (axes.length === x.shape.length - 1 && !axes.includes(x.shape.length - 1)) return reshape(columnSums(x), shape);
  const keepDims = x.shape.length - axes.length !== shape.length;
  const summed = reduceSum(x, { axes, keepDims });
  if (sizeOf(summed.shape) !== sizeOf(shape))
    throw new BuildError(`a gradient of shape [${x.shape}] does not sum to [${shape}]`);
  return reshape(summed, shape);
}

/** From this many rows on a sum over them is a product with a row of ones: ONNX Runtime's GEMV is faster than its reduction. */
const MANY_ROWS = 256;

/** The sums over all axes but the last: [..., D] -> [D]. */
export function columnSums(x: Tensor): Tensor {
  const D = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / D;
  if (rows < MANY_ROWS) return reduceSum(x, { axes: x.shape.slice(0, -1).map((_, axis) => axis) });
  const ones = floats([1, rows], new Array<number>(rows).fill(1));
  return reshape(matmul(ones, reshape(x, [rows, D])), [D]);
}
