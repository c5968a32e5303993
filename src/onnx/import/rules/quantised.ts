import { constant, constantOf } from '../../../graph/build.ts';
import { BuildError } from '../../../graph/errors.ts';
import { type NdArray, ndArray } from '../../../graph/ndArray.ts';
import { normaliseAxis, sizeOf, stridesOf } from '../../../graph/shape.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import type { DType } from '../../../graph/dtype.ts';
import {
  add,
  cast,
  clip,
  div,
  maximum,
  minimum,
  mul,
  neg,
  round,
  stopGradient,
  sub,
} from '../../../ops/elementwise.ts';
import { reshape } from '../../../ops/movement.ts';
import { reduceMax, reduceMin } from '../../../ops/reduce.ts';
import { type Call, inputAt, type Rules } from '../rule.ts';
import { convolution } from './windows.ts';
import { product } from './products.ts';

/*
 * Quantised models. Weights are dequantised here, once. Quantised activations stay float32 tensors that hold whole numbers, so
 * that the import computes what the file computes, rounding and saturation included; the gradient goes straight through the
 * rounding and is 0 where the value saturates. Source: Jacob et al., arXiv 1712.05877; Bengio et al., arXiv 1308.3432.
 */

const RANGES: Partial<Record<DType, readonly [number, number]>> = { uint8: [0, 255], int8: [-128, 127] };

const roundThrough = (x: Tensor): Tensor => add(x, stopGradient(sub(round(x), x)));

/** A scale or a zero point against the tensor that it belongs to: a number, or one for each index of an axis. */
function along(t: Tensor, x: Tensor, given: number): Tensor {
  if (sizeOf(t.shape) === 1) return reshape(t, []);
  const axis = normaliseAxis(given, x.shape.length);
  if (t.shape.length !== 1 || t.shape[0] !== x.shape[axis])
    throw new BuildError(`a scale [${t.shape}] does not fit axis ${axis} of [${x.shape}]`);
  return reshape(
    t,
    x.shape.map((n, i) => (i === axis ? n : 1)),
  );
}

const asFloat = (t: Tensor): Tensor => cast(t, 'float32');

function rangeOf(zero: Tensor | undefined): readonly [number, number] {
  const found = RANGES[zero?.dtype ?? 'uint8'];
  if (!found) throw new BuildError(`quantisation to ${zero?.dtype} is not supported, only uint8 and int8`);
  return found;
}

/** Whole numbers in float32: clip(round(x / scale) + zero). */
export function quantised(x: Tensor, scale: Tensor, zero: Tensor | undefined, axis: number): Tensor {
  const [low, high] = rangeOf(zero);
  const steps = roundThrough(div(x, along(scale, x, axis)));
  return clip(zero ? add(steps, along(asFloat(zero), x, axis)) : steps, low, high);
}

export function dequantised(
  { budget }: Call,
  q: Tensor,
  scale: Tensor,
  zero: Tensor | undefined,
  axis: number,
): Tensor {
  const value = constantOf(q);
  const [factor, shift] = [constantOf(scale), zero && constantOf(zero)];
  if (value && factor && (shift || !zero)) {
    budget.make(q.shape);
    return constant(dequantisedWeight(value, factor, shift, axis));
  }
  const centred = zero ? sub(asFloat(q), along(asFloat(zero), q, axis)) : asFloat(q);
  return mul(centred, along(scale, q, axis));
}

/** On the host whatever the size; by blocks of an axis too (opset 21). */
function dequantisedWeight(q: NdArray, scale: NdArray, zero: NdArray | undefined, given: number): NdArray {
  const one = scale.data.length === 1;
  const axis = one ? 0 : normaliseAxis(given, q.shape.length);
  const blocked = scale.shape.length === q.shape.length && !one;
  const fits = blocked
    ? scale.shape.every((n, i) => (i === axis ? q.shape[i]! % n === 0 : n === q.shape[i]))
    : one || (scale.shape.length === 1 && scale.shape[0] === q.shape[axis]);
  if (!fits || (zero && zero.data.length !== scale.data.length))
    throw new BuildError(`scale [${scale.shape}] and zero point [${zero?.shape}] do not fit [${q.shape}]`);
  const [inner, n] = [stridesOf(q.shape)[axis] ?? 1, q.shape[axis] ?? 1];
  const block = blocked ? n / scale.shape[axis]! : 1;
  const out = new Float32Array(q.data.length);
  for (let i = 0; i < out.length; i++) {
    const at = Math.floor(i / inner) % n;
    const outer = Math.floor(i / (inner * n));
    const j = one ? 0 : blocked ? (outer * (n / block) + Math.floor(at / block)) * inner + (i % inner) : at;
    out[i] = (q.data[i]! - (zero?.data[j] ?? 0)) * scale.data[j]!;
  }
  return ndArray(q.shape, out);
}

function quantizeLinear(call: Call): Tensor {
  return quantised(inputAt(call, 0), inputAt(call, 1), call.inputs[2], call.attrs.int('axis', 1));
}

function dequantizeLinear(call: Call): Tensor {
  return dequantised(call, inputAt(call, 0), inputAt(call, 1), call.inputs[2], call.attrs.int('axis', 1));
}

/** Scale and zero point from the range of the whole tensor, 0 included; no gradient goes to them. */
function dynamicQuantizeLinear(call: Call): Tensor[] {
  const x = inputAt(call, 0);
  const fixed = stopGradient(x);
  const low = minimum(reduceMin(fixed), 0);
  const scale = div(sub(maximum(reduceMax(fixed), 0), low), 255);
  const zero = clip(round(div(neg(low), scale)), 0, 255);
  return [clip(add(roundThrough(div(x, scale)), zero), 0, 255), scale, zero];
}

/** Products of whole numbers, exact in float32 up to 2^24 and rounded beyond. */
function matMulInteger(call: Call): Tensor {
  const [a, b] = [inputAt(call, 0), inputAt(call, 1)];
  const centred = (x: Tensor, zero: Tensor | undefined, axis: number) =>
    zero ? sub(asFloat(x), along(asFloat(zero), x, axis)) : asFloat(x);
  return product(centred(a, call.inputs[2], -2), centred(b, call.inputs[3], -1));
}

function convInteger(call: Call): Tensor {
  const [x, w] = [inputAt(call, 0), inputAt(call, 1)];
  const [zx, zw] = [call.inputs[2], call.inputs[3]];
  return convolution(
    call,
    zx ? sub(asFloat(x), asFloat(zx)) : asFloat(x),
    zw ? sub(asFloat(w), along(asFloat(zw), w, 0)) : asFloat(w),
  );
}

/** x, its scale and zero point, weight, its scale and zero point, scale and zero point of the result, bias in steps. */
function qLinearConv(call: Call): Tensor {
  const at = (i: number) => inputAt(call, i);
  const x = dequantised(call, at(0), at(1), at(2), 1);
  const bias = call.inputs[8] && mul(asFloat(call.inputs[8]), mul(reshape(at(1), []), perTensor(at(4))));
  const y = convolution(call, x, dequantised(call, at(3), at(4), at(5), 0), bias);
  return quantised(y, at(6), at(7), 1);
}

/** A scale of one number as a scalar. */
export const perTensor = (t: Tensor): Tensor => (sizeOf(t.shape) === 1 ? reshape(t, []) : t);

function qLinearMatMul(call: Call): Tensor {
  const at = (i: number) => inputAt(call, i);
  const y = product(dequantised(call, at(0), at(1), at(2), -2), dequantised(call, at(3), at(4), at(5), -1));
  return quantised(y, at(6), at(7), -1);
}

export const quantisedRules: Rules = {
  QuantizeLinear: (call) => [quantizeLinear(call)],
  DequantizeLinear: (call) => [dequantizeLinear(call)],
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: (call) => [matMulInteger(call)],
  ConvInteger: (call) => [convInteger(call)],
  QLinearConv: (call) => [qLinearConv(call)],
  QLinearMatMul: (call) => [qLinearMatMul(call)],
  'com.microsoft::QuantizeLinear': (call) => [quantizeLinear(call)],
  'com.microsoft::DequantizeLinear': (call) => [dequantizeLinear(call)],
};
