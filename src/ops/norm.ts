import { apply, apply1 } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { type NdArray, zeros } from '../graph/ndArray.ts';
import { located } from '../graph/scope.ts';
import { normaliseAxis, sameShape, showShape, sizeOf } from '../graph/shape.ts';
import type { Op, Tensor } from '../graph/tensor.ts';
import { abs, add, div, expectAttrs, mul, reciprocal, sqrt, sub } from './elementwise.ts';
import { need } from './broadcast.ts';
import { matmul } from './matmul.ts';
import { reshape } from './movement.ts';
import { columnSums, reduceSum } from './reduce.ts';

/**
 * Layer normalisation over the last axis with scale and bias; further outputs are the mean and the inverse standard
 * deviation, which the gradient needs. Source: Ba et al., arXiv 1607.06450; biased variance, epsilon inside the root.
 */
export const LayerNormalization: Op = {
  name: 'LayerNormalization',
  optionalOutputs: true,
  floatAttrs: ['epsilon'],
  infer: (inputs, attrs) => {
    const [x, scale, bias] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
    if (normaliseAxis((attrs.axis as number | undefined) ?? -1, x.shape.length) !== x.shape.length - 1)
      throw new BuildError(`axis ${attrs.axis} is not supported, only the last`);
    const D = x.shape.at(-1)!;
    for (const t of [scale, bias])
      if (!sameShape(t.shape, [D])) throw new BuildError(`scale and bias must be [${D}], got ${showShape(t.shape)}`);
    const statistics = { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] };
    return [{ dtype: x.dtype, shape: x.shape }, statistics, statistics];
  },
  // With u = x - mean, x^ = u inv and g = dy scale: dx = inv (g - mean(g) - x^ mean(g x^)). Sums that weigh columns by the scale
  // or rows by the inverse deviation are products with a vector: each saves a pass over the activations.
  vjp: ({ dy: [dy, dMean, dInverse], inputs: [x, scale], outputs: [, mean, inverse], wants }) => {
    if (dMean || dInverse) throw new BuildError(located('LayerNormalization: no gradient through its statistics'));
    const [D, rows] = [x!.shape.at(-1)!, sizeOf(x!.shape) / x!.shape.at(-1)!];
    const flat = (t: Tensor) => reshape(t, [rows, D]);
    const meanOfWeighed = (t: Tensor) =>
      reshape(mul(matmul(flat(t), reshape(scale!, [D, 1])), 1 / D), [...x!.shape.slice(0, -1), 1]);
    const centred = sub(x!, mean!);
    const product = mul(dy!, centred);
    const dx = () => {
      const along = mul(mul(inverse!, inverse!), meanOfWeighed(product));
      return mul(sub(sub(mul(dy!, scale!), meanOfWeighed(dy!)), mul(centred, along)), inverse!);
    };
    return [
      wants[0] ? dx() : undefined,
      wants[1] ? reshape(matmul(reshape(inverse!, [1, rows]), flat(product)), [D]) : undefined,
      wants[2] ? columnSums(dy!) : undefined,
    ];
  },
  reference: ([x, scale, bias], node) => {
    const D = x!.shape.at(-1)!;
    const [y, mean, inverse] = node.outputs.map((t) => zeros(t.shape, t.dtype));
    for (let row = 0; row < mean!.data.length; row++) {
      const values = Array.from(x!.data).slice(row * D, row * D + D);
      const m = values.reduce((a, b) => a + b, 0) / D;
      const variance = values.reduce((a, b) => a + (b - m) ** 2, 0) / D;
      mean!.data[row] = m;
      inverse!.data[row] = 1 / Math.sqrt(variance + (node.attrs.epsilon as number));
      for (let i = 0; i < D; i++)
        y!.data[row * D + i] = (values[i]! - m) * inverse!.data[row]! * scale!.data[i]! + bias!.data[i]!;
    }
    return [y!, mean!, inverse!];
  },
};

/**
 * Batch normalisation of [B,C,...] with given statistics (inputs: x, scale, bias, mean, variance). In training the given
 * statistics are the batch's own, computed by `batchNormTraining`; this operator is the evaluation form.
 * Source: Ioffe & Szegedy, arXiv 1502.03167.
 */
export const BatchNormalization: Op = {
  name: 'BatchNormalization',
  floatAttrs: ['epsilon'],
  infer: (inputs, attrs) => {
    expectAttrs(attrs, { training_mode: 0 });
    const x = need(inputs, 0);
    for (const at of [1, 2, 3, 4])
      if (!sameShape(need(inputs, at).shape, [x.shape[1]!]))
        throw new BuildError(`input ${at} must be [${x.shape[1]}], got ${showShape(inputs[at]!.shape)}`);
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  vjp: ({ node, dy: [dy], inputs: [x, scale, , mean, variance], wants }) => {
    const perChannel = (t: Tensor) => reshape(t, [1, t.shape[0]!, ...x!.shape.slice(2).map(() => 1)]);
    const axes = x!.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const inverse = div(1, sqrt(add(variance!, node.attrs.epsilon as number)));
    const dxHat = () => mul(dy!, mul(sub(x!, perChannel(mean!)), perChannel(inverse)));
    if (wants[3] || wants[4])
      throw new BuildError(located('BatchNormalization: no gradient to the running statistics'));
    return [
      wants[0] ? mul(dy!, perChannel(mul(scale!, inverse))) : undefined,
      wants[1] ? reduceSum(dxHat(), { axes }) : undefined,
      wants[2] ? reduceSum(dy!, { axes }) : undefined,
    ];
  },
  reference: ([x, scale, bias, mean, variance], { attrs }) => {
    const C = x!.shape[1]!;
    const inner = sizeOf(x!.shape.slice(2));
    const out: NdArray & { data: Float64Array } = zeros(x!.shape, x!.dtype);
    for (let i = 0; i < out.data.length; i++) {
      const c = Math.floor(i / inner) % C;
      const inverse = 1 / Math.sqrt(variance!.data[c]! + (attrs.epsilon as number));
      out.data[i] = (x!.data[i]! - mean!.data[c]!) * inverse * scale!.data[c]! + bias!.data[c]!;
    }
    return [out];
  },
};

/**
 * Batch normalisation of [B,C,...] with the batch's own statistics (inputs: x, scale, bias, and two [C] placeholders that ONNX
 * asks for). Further outputs are the batch mean and biased variance: with momentum 0 ONNX's running statistics are just those.
 */
export const BatchNormalizationTraining: Op = {
  ...BatchNormalization,
  floatAttrs: ['epsilon', 'momentum'],
  infer: (inputs) => {
    const [y] = BatchNormalization.infer(inputs, {});
    const statistics = { dtype: y!.dtype, shape: [y!.shape[1]!] };
    return [y!, statistics, statistics];
  },
  // With n elements a channel, c = x - mean and inv = 1/sqrt(var + eps): dx = scale inv (dy - sum(dy)/n - c inv^2 sum(dy c)/n).
  vjp: ({ node, dy: [dy, dMean, dVariance], inputs: [x, scale], outputs: [, mean, variance] }) => {
    if (dMean || dVariance) throw new BuildError(located('BatchNormalization: no gradient through its statistics'));
    const perChannel = (t: Tensor) => reshape(t, [1, t.shape[0]!, ...x!.shape.slice(2).map(() => 1)]);
    const axes = x!.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const n = sizeOf(x!.shape) / x!.shape[1]!;
    const inverse = reciprocal(sqrt(add(variance!, node.attrs.epsilon as number)));
    const centred = sub(x!, perChannel(mean!));
    const dBias = reduceSum(dy!, { axes });
    const dScale = mul(reduceSum(mul(dy!, centred), { axes }), inverse);
    const gain = mul(scale!, inverse);
    const slope = mul(mul(gain, inverse), mul(dScale, -1 / n));
    const shift = mul(gain, mul(dBias, -1 / n));
    const dx = add(mul(dy!, perChannel(gain)), add(mul(centred, perChannel(slope)), perChannel(shift)));
    return [dx, dScale, dBias];
  },
  reference: ([x, scale, bias], node) => {
    const C = x!.shape[1]!;
    const [inner, batch] = [sizeOf(x!.shape.slice(2)), x!.shape[0]!];
    const [mean, variance] = [zeros([C]), zeros([C])];
    const fold = (into: Float64Array, f: (value: number, c: number) => number) => {
      for (let i = 0; i < x!.data.length; i++) {
        const c = Math.floor(i / inner) % C;
        into[c]! += f(x!.data[i]!, c) / (inner * batch);
      }
    };
    fold(mean.data, (value) => value);
    fold(variance.data, (value, c) => (value - mean.data[c]!) ** 2);
    return [...BatchNormalization.reference([x, scale, bias, mean, variance], node), mean, variance];
  },
};

/**
 * Normalises by the batch; gives the result and the batch's mean and biased variance. ONNX Runtime writes the statistics into
 * the buffers of the placeholders, so each call needs two fresh ones of its own; their values have weight 0.
 */
export function batchNormTraining(
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  epsilon: number,
): readonly [Tensor, Tensor, Tensor] {
  const attrs = { epsilon, momentum: 0, training_mode: 1 };
  return apply(BatchNormalizationTraining, [x, scale, bias, abs(bias), abs(scale)], attrs) as unknown as readonly [
    Tensor,
    Tensor,
    Tensor,
  ];
}

export const layerNorm = (x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor =>
  apply(LayerNormalization, [x, scale, bias], { axis: -1, epsilon })[0]!;

export const batchNormEval = (
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  mean: Tensor,
  variance: Tensor,
  epsilon: number,
): Tensor => apply1(BatchNormalization, [x, scale, bias, mean, variance], { epsilon });
