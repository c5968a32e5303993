import type { Tensor } from '../../../graph/tensor.ts';
import { add, cast, mul } from '../../../ops/elementwise.ts';
import { gemm } from '../../../ops/matmul.ts';
import { concat, reshape } from '../../../ops/movement.ts';
import { assume, type Call, inputAt, type Rule, type Rules } from '../rule.ts';
import { pointwiseRules } from './pointwise.ts';
import { dequantised, perTensor, quantised } from './quantised.ts';
import { reductionRules } from './reductions.ts';
import { windowRules } from './windows.ts';

/*
 * ONNX Runtime's own operators on quantised tensors, which its static quantisation writes (quantize_static with
 * QuantFormat.QOperator): dequantise, compute, quantise. Source: ONNX Runtime, docs/ContribOperators.md.
 */

/** A tensor with its scale and zero point, which follow it. */
const triple = (call: Call, at: number): Tensor =>
  dequantised(call, inputAt(call, at), inputAt(call, at + 1), call.inputs[at + 2], 1);

/** The result's scale and zero point are the inputs from `at` on. */
const result = (call: Call, y: Tensor, at: number): Tensor[] => [
  quantised(y, inputAt(call, at), call.inputs[at + 1], 1),
];

/** One operand: tensor, scale, zero point, then the result's scale and zero point. */
const unary =
  (rule: Rule): Rule =>
  (call) => {
    assume('channels_last', call.attrs.int('channels_last', 0), [0]);
    const [y] = rule({ ...call, inputs: [triple(call, 0)] });
    return result(call, y!, 3);
  };

const binary =
  (f: (a: Tensor, b: Tensor) => Tensor): Rule =>
  (call) =>
    result(call, f(triple(call, 0), triple(call, 3)), 6);

/** The node says itself which operator set's softmax it is. */
const softmax: Rule = (call) => unary(reductionRules.Softmax!)({ ...call, opset: call.attrs.int('opset', call.opset) });

/** The result's scale and zero point come first, then the operands. */
const concatenation: Rule = (call) => {
  const count = (call.inputs.length - 2) / 3;
  const parts = Array.from({ length: count }, (_, i) => triple(call, 2 + 3 * i));
  return result(call, concat(parts, call.attrs.int('axis', 1)), 0);
};

/** The bias is in steps of both operands' scales; without a scale of its own the result is not quantised. */
const qGemm: Rule = (call) => {
  const [transA, transB] = [call.attrs.int('transA', 0) === 1, call.attrs.int('transB', 0) === 1];
  const alpha = call.attrs.float('alpha', 1);
  const weight = dequantised(call, inputAt(call, 3), inputAt(call, 4), call.inputs[5], transB ? 0 : 1);
  const step = mul(reshape(inputAt(call, 1), []), perTensor(inputAt(call, 4)));
  const bias = call.inputs[6] && mul(cast(call.inputs[6], 'float32'), step);
  const y = gemm(triple(call, 0), weight, bias, { transA, transB, alpha, beta: alpha });
  return call.inputs[7] ? result(call, y, 7) : [y];
};

export const quantisedOperatorRules: Rules = {
  'com.microsoft::QLinearAdd': binary(add),
  'com.microsoft::QLinearMul': binary(mul),
  'com.microsoft::QLinearSigmoid': unary(pointwiseRules.Sigmoid!),
  'com.microsoft::QLinearLeakyRelu': unary(pointwiseRules.LeakyRelu!),
  'com.microsoft::QLinearSoftmax': softmax,
  'com.microsoft::QLinearAveragePool': unary(windowRules.AveragePool!),
  'com.microsoft::QLinearGlobalAveragePool': unary(reductionRules.GlobalAveragePool!),
  'com.microsoft::QLinearConcat': concatenation,
  'com.microsoft::QGemm': qGemm,
};
