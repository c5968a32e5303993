import { apply1 } from '../graph/build.ts';
import { fromFunction, type NdArray } from '../graph/ndArray.ts';
import { normaliseAxis, stridesOf } from '../graph/shape.ts';
import type { Attrs, Inputs, Op, Tensor, TensorType } from '../graph/tensor.ts';
import { exp, mul, sub } from './elementwise.ts';
import { need } from './broadcast.ts';
import { reduceSum } from './reduce.ts';

function infer(inputs: Inputs, attrs: Attrs): readonly TensorType[] {
  const x = need(inputs, 0);
  normaliseAxis(attrs.axis as number, x.shape.length);
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** log(sum(exp(x))) along an axis, taken from the largest element so that nothing overflows. */
function logSumExpAt(x: NdArray, axis: number): (flat: number) => number {
  const [stride, length] = [stridesOf(x.shape)[axis]!, x.shape[axis]!];
  const held = new Map<number, number>();
  return (flat) => {
    const base = Math.floor(flat / (stride * length)) * stride * length + (flat % stride);
    const known = held.get(base);
    if (known !== undefined) return known;
    let [max, sum] = [-Infinity, 0];
    for (let j = 0; j < length; j++) max = Math.max(max, x.data[base + j * stride]!);
    for (let j = 0; j < length; j++) sum += Math.exp(x.data[base + j * stride]! - max);
    held.set(base, max + Math.log(sum));
    return held.get(base)!;
  };
}

function reference(finish: (logit: number) => number): Op['reference'] {
  return ([x], { attrs }) => {
    const total = logSumExpAt(x!, normaliseAxis(attrs.axis as number, x!.shape.length));
    return [fromFunction(x!.shape, (_, flat) => finish(x!.data[flat]! - total(flat)), x!.dtype)];
  };
}

export const Softmax: Op = {
  name: 'Softmax',
  infer,
  vjp: ({ node, dy, outputs: [y] }) => {
    const weighted = mul(dy[0]!, y!);
    const total = reduceSum(weighted, { axes: [node.attrs.axis as number], keepDims: true });
    return [mul(y!, sub(dy[0]!, total))];
  },
  reference: reference(Math.exp),
};

export const LogSoftmax: Op = {
  name: 'LogSoftmax',
  infer,
  vjp: ({ node, dy, outputs: [y] }) => {
    const total = reduceSum(dy[0]!, { axes: [node.attrs.axis as number], keepDims: true });
    return [sub(dy[0]!, mul(exp(y!), total))];
  },
  reference: reference((logit) => logit),
};

export const softmax = (x: Tensor, axis = -1): Tensor =>
  apply1(Softmax, [x], { axis: normaliseAxis(axis, x.shape.length) });
export const logSoftmax = (x: Tensor, axis = -1): Tensor =>
  apply1(LogSoftmax, [x], { axis: normaliseAxis(axis, x.shape.length) });
