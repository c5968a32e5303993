import { floats } from '../../../graph/build.ts';
import { BuildError } from '../../../graph/errors.ts';
import { broadcastShapes, normaliseAxis, sameShape, sizeOf } from '../../../graph/shape.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { add, div, mul, pow, sqrt, sub } from '../../../ops/elementwise.ts';
import { pad, reshape, slice } from '../../../ops/movement.ts';
import { batchNormStep } from '../../../nn/layers.ts';
import { batchNormEval, layerNorm } from '../../../ops/norm.ts';
import { reduceMean } from '../../../ops/reduce.ts';
import { type Call, inputAt, refuseTraining, type Rules } from '../rule.ts';

/** Kept as it is, not folded into a convolution: data-free methods read its input and its running statistics. */
function batchNorm(call: Call): Tensor {
  refuseTraining(call.attrs.int('training_mode', 0) === 1 || (call.opset < 14 && call.outputs > 1));
  if (call.outputs > 1) throw new BuildError(`${call.outputs} outputs, which only the training form has`);
  const [x, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map((i) => inputAt(call, i)) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const epsilon = call.attrs.float('epsilon', 1e-5);
  if (!call.training) return batchNormEval(x, scale, bias, mean, variance, epsilon);
  // The standard's momentum is the share of the old; PyTorch's, which is asked for here, that of the new.
  const momentum = 1 - call.attrs.float('momentum', 0.9);
  const [y, after] = batchNormStep({ x, weight: scale, bias, mean, variance, epsilon, momentum });
  call.training.update(mean, after.mean);
  call.training.update(variance, after.variance);
  return y;
}

/** Mean, x - mean, and sqrt(var + eps) over some axes, which stay with length 1. */
function statistics(x: Tensor, axes: readonly number[], epsilon: number) {
  const mean = reduceMean(x, { axes, keepDims: true });
  const centred = sub(x, mean);
  const variance = reduceMean(mul(centred, centred), { axes, keepDims: true });
  return { mean, centred, deviation: sqrt(add(variance, epsilon)) };
}

/** (x - mean) / sqrt(var + eps) over some axes, as a composition. */
function standardised(x: Tensor, axes: readonly number[], epsilon: number): Tensor {
  const { centred, deviation } = statistics(x, axes, epsilon);
  return div(centred, deviation);
}

/** The result; then the mean and the inverse deviation, where the file names them. */
function layerNormRule(call: Call): Tensor[] {
  const [x, scale, bias] = [inputAt(call, 0), inputAt(call, 1), call.inputs[2]];
  const axis = normaliseAxis(call.attrs.int('axis', -1), x.shape.length);
  const epsilon = call.attrs.float('epsilon', 1e-5);
  const y = normalised(x, scale, bias, axis, epsilon);
  if (call.outputs === 1) return [y];
  const { mean, deviation } = statistics(x, axesFrom(x, axis), epsilon);
  return [y, mean, div(1, deviation)];
}

const axesFrom = (x: Tensor, axis: number): number[] => x.shape.map((_, i) => i).slice(axis);

/** The axes from `axis` on are one to the normalisation, so they are folded into one. */
function normalised(x: Tensor, scale: Tensor, bias: Tensor | undefined, axis: number, epsilon: number): Tensor {
  const D = sizeOf(x.shape.slice(axis));
  if (sizeOf(scale.shape) === D && (!bias || sizeOf(bias.shape) === D)) {
    const zeros = () => floats([D], new Float32Array(D));
    const y = layerNorm(
      reshape(x, [...x.shape.slice(0, axis), D]),
      reshape(scale, [D]),
      bias ? reshape(bias, [D]) : zeros(),
      epsilon,
    );
    return reshape(y, x.shape);
  }
  for (const t of [scale, bias])
    if (t && !sameShape(broadcastShapes(t.shape, x.shape), x.shape))
      throw new BuildError(`scale or bias [${t.shape}] does not fit [${x.shape}]`);
  const y = mul(standardised(x, axesFrom(x, axis), epsilon), scale);
  return bias ? add(y, bias) : y;
}

const perChannel = (t: Tensor, rank: number): Tensor =>
  reshape(t, [1, t.shape[0]!, ...new Array<number>(rank - 2).fill(1)]);

function instanceNorm(call: Call): Tensor {
  const [x, scale, bias] = [inputAt(call, 0), inputAt(call, 1), inputAt(call, 2)];
  const rank = x.shape.length;
  const y = standardised(x, axesFrom(x, 2), call.attrs.float('epsilon', 1e-5));
  return add(mul(y, perChannel(scale, rank)), perChannel(bias, rank));
}

/** Scale and bias are one a group in opset 18 and one a channel from opset 21 on. */
function groupNorm(call: Call): Tensor {
  const [x, scale, bias] = [inputAt(call, 0), inputAt(call, 1), inputAt(call, 2)];
  const [B, C] = [x.shape[0]!, x.shape[1]!];
  const groups = call.attrs.int('num_groups', 1);
  if (C % groups !== 0) throw new BuildError(`${C} channels are not ${groups} groups`);
  const y = standardised(
    reshape(x, [B, groups, sizeOf(x.shape) / (B * groups)]),
    [2],
    call.attrs.float('epsilon', 1e-5),
  );
  if (sameShape(scale.shape, [groups]) && groups !== C) {
    const scaled = add(mul(y, reshape(scale, [1, groups, 1])), reshape(bias, [1, groups, 1]));
    return reshape(scaled, x.shape);
  }
  const back = reshape(y, x.shape);
  return add(mul(back, perChannel(scale, x.shape.length)), perChannel(bias, x.shape.length));
}

/** Over neighbouring channels: x / (bias + alpha / size sum x^2)^beta. Source: Krizhevsky et al., NIPS 2012, section 3.3. */
function lrn(call: Call): Tensor {
  const { attrs } = call;
  const [x, size] = [inputAt(call, 0), attrs.int('size', 1)];
  const [alpha, beta, bias] = [attrs.float('alpha', 1e-4), attrs.float('beta', 0.75), attrs.float('bias', 1)];
  const C = x.shape[1]!;
  if (size < 1 || size > 2 * C) throw new BuildError(`size = ${size} of ${C} channels`);
  const around = (n: number) => x.shape.map((_, axis) => (axis === 1 ? n : 0));
  const squares = pad(mul(x, x), around(Math.floor((size - 1) / 2)), around(Math.ceil((size - 1) / 2)));
  const parts = Array.from({ length: size }, (_, i) => slice(squares, 1, i, i + C));
  const sum = parts.reduce((a, b) => add(a, b));
  return div(x, pow(add(mul(sum, alpha / size), bias), beta));
}

/** x + skip (+ bias), normalised: what ONNX Runtime's optimiser makes of a residual sum and its LayerNorm. */
function skipLayerNorm(call: Call): Tensor[] {
  const [x, skip, scale] = [inputAt(call, 0), inputAt(call, 1), inputAt(call, 2)];
  const [bias, extra] = [call.inputs[3], call.inputs[4]];
  // Its mean and inverse deviation, outputs 1 and 2, belong to training.
  if (call.outputs > 1 && call.outputs < 4) throw new BuildError('the statistics as further outputs are not supported');
  const sum = extra ? add(add(x, skip), extra) : add(x, skip);
  const y = normalised(sum, scale, bias, sum.shape.length - 1, call.attrs.float('epsilon', 1e-12));
  return [y, y, y, sum];
}

export const normRules: Rules = {
  BatchNormalization: (call) => [batchNorm(call)],
  LayerNormalization: layerNormRule,
  InstanceNormalization: (call) => [instanceNorm(call)],
  GroupNormalization: (call) => [groupNorm(call)],
  LRN: (call) => [lrn(call)],
  'com.microsoft::SkipLayerNormalization': skipLayerNorm,
};
