import { apply1, constant, constantOf, scalar } from '../../../graph/build.ts';
import { BuildError } from '../../../graph/errors.ts';
import { broadcastShapes, sameShape } from '../../../graph/shape.ts';
import type { Op, Tensor } from '../../../graph/tensor.ts';
import * as compare from '../../../ops/compare.ts';
import * as elementwise from '../../../ops/elementwise.ts';
import { gelu } from '../../../ops/gelu.ts';
import { expand } from '../../../ops/movement.ts';
import { assume, type Call, inputAt, numbersAt, refuseTraining, type Rule, type Rules } from '../rule.ts';
import { dtypeOf } from '../tensorData.ts';

const { add, abs, cast, clip, div, exp, floor, hardSigmoid, isFloat, maximum, minimum, mul, neg } = elementwise;
const { pow, relu, sigmoid, softplus, sub, tanh, sqrt, where } = elementwise;

/** Operators that are ours under the same name, without settings. */
function same(...ops: Op[]): Rules {
  const rule =
    (op: Op): Rule =>
    (call) => [apply1(op, call.inputs)];
  return Object.fromEntries(ops.map((op) => [op.name, rule(op)]));
}

const unary =
  (f: (x: Tensor, call: Call) => Tensor): Rule =>
  (call) => [f(inputAt(call, 0), call)];

/** Any number of operands, joined from the left. */
const several =
  (f: (a: Tensor, b: Tensor) => Tensor): Rule =>
  (call) => {
    const [first, ...others] = call.inputs.map((_, i) => inputAt(call, i));
    return [others.reduce((a, b) => f(a, b), first!)];
  };

const negativePart = (x: Tensor): Tensor => neg(relu(neg(x)));

/** 1 where x is NaN, from arithmetic alone: NaN is unequal to itself. */
const isNaNValue = (x: Tensor): Tensor => compare.not(compare.equal(x, x));

/** a - b floor(a / b) has the sign of b, as Python's remainder; fmod = 1 has the sign of a. */
function modulo(call: Call): Tensor {
  const [a, b] = [inputAt(call, 0), inputAt(call, 1)];
  const [x, y] = [cast(a, 'float32'), cast(b, 'float32')];
  if (isFloat(a.dtype) && call.attrs.int('fmod', 0) === 0) throw new BuildError('fmod must be 1 for floats');
  const values = [a, b].map((t) => constantOf(t));
  if (call.attrs.int('fmod', 0) === 1 && values.some((value) => !value || value.data.some((n) => n < 0)))
    throw new BuildError('fmod = 1 is supported for constants that are not negative only');
  return cast(sub(x, mul(y, floor(div(x, y)))), a.dtype);
}

/** ONNX lets PRelu's slope broadcast to x alone. */
function prelu(call: Call): Tensor {
  const [x, slope] = [inputAt(call, 0), inputAt(call, 1)];
  return add(relu(x), mul(slope, negativePart(x)));
}

/** tanh form: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Source: Hendrycks & Gimpel, arXiv 1606.08415, section 2. */
export function tanhGelu(x: Tensor): Tensor {
  const cube = mul(mul(x, x), mul(x, 0.044715));
  return mul(mul(x, 0.5), add(1, tanh(mul(add(x, cube), Math.sqrt(2 / Math.PI)))));
}

function geluRule(x: Tensor, { attrs }: Call): Tensor {
  const form = attrs.text('approximate', 'none');
  assume('approximate', form, ['none', 'tanh']);
  return form === 'tanh' ? tanhGelu(x) : gelu(x);
}

function clipRule(x: Tensor, call: Call): Tensor {
  const bound = (at: number, beyond: number): number => {
    const input = call.inputs[at];
    if (!input) return beyond;
    const value = constantOf(input);
    if (value?.data.length !== 1) throw new BuildError(`bound ${at} must be a constant number`);
    return value.data[0]!;
  };
  const [low, high] = [bound(1, -Infinity), bound(2, Infinity)];
  if (!isFloat(x.dtype)) return minimum(maximum(x, scalar(low, x.dtype)), scalar(high, x.dtype));
  if (low === 0 && high === Infinity) return relu(x);
  return clip(x, Math.max(low, -3.4028234663852886e38), Math.min(high, 3.4028234663852886e38));
}

/** Halves and doubles are float32 here, so a cast between them is nothing. */
function castRule(x: Tensor, call: Call): Tensor {
  const code = call.attrs.int('to', 0);
  const dtype = dtypeOf(code);
  if (!dtype) throw new BuildError(`a cast to dtype ${code} of the standard is not supported`);
  return cast(x, dtype);
}

/** Powers of other dtypes than the base's are allowed; x^2 is a product. */
function power(call: Call): Tensor {
  const [x, exponent] = [inputAt(call, 0), inputAt(call, 1)];
  const value = constantOf(exponent);
  const one = value && value.data.length === 1 && value.shape.length <= x.shape.length ? value.data[0]! : undefined;
  if (one === 2) return mul(x, x);
  if (one === 0.5 && isFloat(x.dtype)) return sqrt(x);
  if (one !== undefined) return pow(x, scalar(one, x.dtype));
  return pow(x, cast(exponent, x.dtype));
}

/** Sums over equal shapes and means of several inputs. */
const mean: Rule = (call) => {
  const tensors = call.inputs.map((_, i) => inputAt(call, i));
  return [
    mul(
      tensors.reduce((a, b) => add(a, b)),
      1 / tensors.length,
    ),
  ];
};

/** Opset 12 and newer say by an input whether it drops anything. Of a network that is trained, the file's ratio is dropped while training. */
function dropout(call: Call): Tensor[] {
  const x = inputAt(call, 0);
  const listed = call.inputs.slice(1, 3).find((given) => given && given.shape.length > 0);
  if (listed) throw new BuildError(`the ratio and the training mode are scalars, not [${listed.shape}]`);
  const [ratio] = numbersAt(call, 1, 'the ratio') ?? [0.5];
  const [training] = numbersAt(call, 2, 'the training mode') ?? [0];
  refuseTraining(training !== 0 && ratio !== 0);
  const rate = call.opset < 12 ? call.attrs.float('ratio', 0.5) : ratio!;
  if (call.training && call.outputs === 1 && rate > 0)
    return [mul(mul(x, call.training.noise(x.shape, 1 - rate)), 1 / (1 - rate))];
  const kept = expand(constant({ dtype: 'bool', shape: [], data: [1] }), x.shape);
  return call.outputs > 1 ? [x, kept] : [x];
}

function xor(call: Call): Tensor {
  const [a, b] = [inputAt(call, 0), inputAt(call, 1)];
  return compare.or(compare.and(a, compare.not(b)), compare.and(b, compare.not(a)));
}

function whereRule(call: Call): Tensor {
  const [c, a, b] = [inputAt(call, 0), inputAt(call, 1), inputAt(call, 2)];
  const shape = broadcastShapes(c.shape, a.shape, b.shape);
  const known = constantOf(c);
  // A mask that is one value everywhere is no choice.
  if (known && known.data.length > 0 && known.data.every((v) => v === known.data[0])) {
    const chosen = known.data[0] ? a : b;
    return sameShape(chosen.shape, shape) ? chosen : expand(chosen, shape);
  }
  return where(c, a, b);
}

export const pointwiseRules: Rules = {
  ...same(elementwise.Add, elementwise.Sub, elementwise.Mul, elementwise.Div),
  ...same(elementwise.Neg, elementwise.Exp, elementwise.Log, elementwise.Sqrt, elementwise.Reciprocal, elementwise.Abs),
  ...same(
    elementwise.Tanh,
    elementwise.Sigmoid,
    elementwise.Softplus,
    elementwise.Relu,
    elementwise.Erf,
    elementwise.Sign,
  ),
  ...same(elementwise.Floor, elementwise.Ceil, elementwise.Round, elementwise.Sin, elementwise.Cos),
  ...same(compare.Equal, compare.Greater, compare.GreaterOrEqual, compare.Less, compare.LessOrEqual),
  ...same(compare.And, compare.Or, compare.Not),
  Max: several(maximum),
  Min: several(minimum),
  Sum: several(add),
  Mean: mean,
  Pow: (call) => [power(call)],
  Mod: (call) => [modulo(call)],
  Xor: (call) => [xor(call)],
  IsNaN: unary(isNaNValue),
  Where: (call) => [whereRule(call)],
  Identity: unary((x) => x),
  Dropout: dropout,
  Cast: unary(castRule),
  CastLike: (call) => [cast(inputAt(call, 0), inputAt(call, 1).dtype)],
  Clip: unary(clipRule),
  Gelu: unary(geluRule),
  HardSigmoid: unary((x, { attrs }) => hardSigmoid(x, attrs.float('alpha', 0.2), attrs.float('beta', 0.5))),
  HardSwish: unary((x) => mul(x, hardSigmoid(x, 1 / 6, 0.5))),
  Mish: unary((x) => mul(x, tanh(softplus(x)))),
  Softsign: unary((x) => div(x, add(1, abs(x)))),
  LeakyRelu: unary((x, { attrs }) => add(relu(x), mul(negativePart(x), attrs.float('alpha', 0.01)))),
  PRelu: (call) => [prelu(call)],
  Elu: unary((x, { attrs }) => add(relu(x), mul(sub(exp(negativePart(x)), 1), attrs.float('alpha', 1)))),
  Celu: unary((x, { attrs }) => {
    const alpha = attrs.float('alpha', 1);
    return add(relu(x), mul(sub(exp(mul(negativePart(x), 1 / alpha)), 1), alpha));
  }),
  Selu: unary((x, { attrs }) => {
    const [alpha, gamma] = [attrs.float('alpha', 1.6732632423543772), attrs.float('gamma', 1.0507009873554805)];
    return mul(add(relu(x), mul(sub(exp(negativePart(x)), 1), alpha)), gamma);
  }),
  'com.microsoft::Gelu': unary((x) => gelu(x)),
  'com.microsoft::FastGelu': (call) => [
    tanhGelu(call.inputs[1] ? add(inputAt(call, 0), inputAt(call, 1)) : inputAt(call, 0)),
  ],
  'com.microsoft::BiasGelu': (call) => [gelu(add(inputAt(call, 0), inputAt(call, 1)))],
  'com.microsoft::QuickGelu': unary((x, { attrs }) => mul(x, sigmoid(mul(x, attrs.float('alpha', 1.702))))),
};
