import { apply1, constantValue, type Operand, operand } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import type { NdArray } from '../graph/ndArray.ts';
import { located } from '../graph/scope.ts';
import { broadcastShapes } from '../graph/shape.ts';
import type { Attrs, Inputs, Op, Tensor, TensorType, Vjp } from '../graph/tensor.ts';
import type { DType } from '../graph/dtype.ts';
import { greater } from './compare.ts';
import { erfValue, roundHalfEven } from './special.ts';
import { need, sameDtype, mapBroadcast } from './broadcast.ts';

/** A setting that no rule here honours, as an imported node may carry it, must be the one that the rules assume. */
export function expectAttrs(attrs: Attrs, assumed: Attrs): void {
  for (const [key, value] of Object.entries(assumed))
    if (attrs[key] !== undefined && String(attrs[key]) !== String(value))
      throw new BuildError(`${key} = ${String(attrs[key])} is not supported, only ${String(value)}`);
}

export function inferUnary(inputs: Inputs): readonly TensorType[] {
  const x = need(inputs, 0);
  return [{ dtype: x.dtype, shape: x.shape }];
}

export function inferBroadcast(inputs: Inputs): readonly TensorType[] {
  if (inputs.length !== 2) throw new BuildError(`2 inputs are needed, got ${inputs.length}`);
  const [a, b] = [need(inputs, 0), need(inputs, 1)];
  return [{ dtype: sameDtype(a, b), shape: broadcastShapes(a.shape, b.shape) }];
}

export function mapUnary(f: (x: number) => number) {
  return ([x]: readonly (NdArray | undefined)[]): NdArray[] => [{ ...x!, data: Float64Array.from(x!.data, f) }];
}

type Rule = (dy: Tensor, x: Tensor, y: Tensor) => Tensor;

function unary(name: string, f: (x: number) => number, rule: Rule | 'zero'): Op {
  const vjp: Vjp | 'zero' = rule === 'zero' ? rule : (g) => [rule(g.dy[0]!, g.inputs[0]!, g.outputs[0]!)];
  return { name, infer: inferUnary, vjp, reference: mapUnary(f) };
}

function binary(name: string, f: (a: number, b: number) => number, vjp: Vjp): Op {
  return { name, infer: inferBroadcast, vjp, reference: mapBroadcast(f) };
}

export const Add = binary(
  'Add',
  (a, b) => a + b,
  ({ dy }) => [dy[0], dy[0]],
);
export const Sub = binary(
  'Sub',
  (a, b) => a - b,
  ({ dy, wants }) => [dy[0], wants[1] ? neg(dy[0]!) : undefined],
);
export const Mul = binary(
  'Mul',
  (a, b) => a * b,
  ({ dy, inputs: [a, b], wants }) => [wants[0] ? mul(dy[0]!, b!) : undefined, wants[1] ? mul(dy[0]!, a!) : undefined],
);
const quotient = binary(
  'Div',
  (a, b) => a / b,
  ({ dy, inputs: [, b], outputs: [y], wants }) => {
    const scaled = div(dy[0]!, b!);
    return [scaled, wants[1] ? neg(mul(scaled, y!)) : undefined];
  },
);
/** Integers are divided as ONNX does: towards zero. */
export const Div: Op = {
  ...quotient,
  reference: ([a, b]) => mapBroadcast((x, y) => (isFloat(a!.dtype) ? x! / y! : Math.trunc(x! / y!) + 0))([a, b]),
};
/** Ties give half to each side, as PyTorch's maximum does. */
export const Max = binary('Max', Math.max, extremum);
export const Min = binary('Min', Math.min, extremum);

function extremum({ dy, inputs: [a, b], outputs: [y], wants }: Parameters<Vjp>[0]): readonly (Tensor | undefined)[] {
  // An input's share is 1 where it alone is the extremum, 1/2 at a tie: (1 + [self = y] - [other = y]) / 2.
  const share = (self: Tensor, other: Tensor) => {
    const reached = (t: Tensor) => abs(sign(sub(t, y!)));
    return mul(0.5, add(1, sub(reached(other), reached(self))));
  };
  return [wants[0] ? mul(dy[0]!, share(a!, b!)) : undefined, wants[1] ? mul(dy[0]!, share(b!, a!)) : undefined];
}

/** Only the base has a gradient; the exponent is a constant. */
export const Pow: Op = {
  name: 'Pow',
  infer: inferBroadcast,
  vjp: ({ dy, inputs: [x, exponent], wants }) => {
    if (wants[1])
      throw new BuildError(located('Pow: no gradient to the exponent; write exp(mul(exponent, log(base)))'));
    return [mul(dy[0]!, mul(exponent!, pow(x!, sub(exponent!, 1))))];
  },
  reference: mapBroadcast((a, b) => a ** b),
};

export const Neg = unary(
  'Neg',
  (x) => -x,
  (dy) => neg(dy),
);
export const Exp = unary('Exp', Math.exp, (dy, _, y) => mul(dy, y));
export const Log = unary('Log', Math.log, (dy, x) => div(dy, x));
export const Sqrt = unary('Sqrt', Math.sqrt, (dy, _, y) => div(mul(dy, 0.5), y));
export const Reciprocal = unary(
  'Reciprocal',
  (x) => 1 / x,
  (dy, _, y) => neg(mul(dy, mul(y, y))),
);
export const Abs = unary('Abs', Math.abs, (dy, x) => mul(dy, sign(x)));
export const Tanh = unary('Tanh', Math.tanh, (dy, _, y) => mul(dy, sub(1, mul(y, y))));
export const Sigmoid = unary(
  'Sigmoid',
  (x) => 1 / (1 + Math.exp(-x)),
  (dy, _, y) => mul(dy, mul(y, sub(1, y))),
);
export const Softplus = unary(
  'Softplus',
  (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  (dy, x) => mul(dy, sigmoid(x)),
);
/** The derivative at 0 is 0, as in PyTorch. The sign of the output is the mask: one pass less than a comparison and a select. */
export const Relu = unary(
  'Relu',
  (x) => Math.max(x, 0),
  (dy, _, y) => mul(dy, sign(y)),
);
/** 2/sqrt(pi) exp(-x^2), the constant inside the exponent: one pass less. */
export const Erf = unary('Erf', erfValue, (dy, x) => mul(dy, exp(sub(Math.log(2 / Math.sqrt(Math.PI)), mul(x, x)))));
export const Sin = unary('Sin', Math.sin, (dy, x) => mul(dy, cos(x)));
export const Cos = unary('Cos', Math.cos, (dy, x) => neg(mul(dy, sin(x))));
export const Sign = unary('Sign', Math.sign, 'zero');
export const Floor = unary('Floor', Math.floor, 'zero');
export const Ceil = unary('Ceil', Math.ceil, 'zero');
export const Round = unary('Round', roundHalfEven, 'zero');
export const Identity = unary(
  'Identity',
  (x) => x,
  (dy) => dy,
);
/** An Identity through which no gradient flows; it is dropped before emission. */
export const StopGradient: Op = { ...Identity, vjp: 'zero' };

/** max(0, min(1, alpha x + beta)): a scale and a shift in one pass where the result stays inside (0, 1). */
export const HardSigmoid: Op = {
  name: 'HardSigmoid',
  floatAttrs: ['alpha', 'beta'],
  infer: inferUnary,
  vjp: ({ node, dy: [dy], outputs: [y] }) => [mul(dy!, mul(sign(mul(y!, sub(1, y!))), node.attrs.alpha as number))],
  reference: ([x], { attrs }) =>
    mapUnary((v) => Math.max(0, Math.min(1, (attrs.alpha as number) * v + (attrs.beta as number))))([x]),
};

/** Clip(x, min, max) with constant bounds; the gradient passes at the bounds, as PyTorch's clamp does. */
export const Clip: Op = {
  name: 'Clip',
  infer: (inputs) => {
    for (const at of [1, 2]) if (inputs[at]) constantValue(inputs[at], 'a bound');
    return inferUnary(inputs);
  },
  vjp: ({ dy, inputs: [x], outputs: [y] }) => [mul(dy[0]!, sub(1, abs(sign(sub(x!, y!)))))],
  reference: ([x, low, high]) =>
    mapUnary((v) => Math.min(Math.max(v, low?.data[0] ?? -Infinity), high?.data[0] ?? Infinity))([x]),
};

export const Where: Op = {
  name: 'Where',
  infer: (inputs) => {
    const [c, a, b] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
    if (c.dtype !== 'bool') throw new BuildError(`the condition must be bool, got ${c.dtype}`);
    return [{ dtype: sameDtype(a, b), shape: broadcastShapes(c.shape, a.shape, b.shape) }];
  },
  vjp: ({ dy, inputs: [c], wants }) => [
    undefined,
    wants[1] ? where(c!, dy[0]!, 0) : undefined,
    wants[2] ? where(c!, 0, dy[0]!) : undefined,
  ],
  reference: ([c, a, b]) => mapBroadcast((t, x, y) => (t ? x! : y!), a!.dtype)([c, a, b]),
};

const CAST_CODES: Record<DType, number> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10 };

export const Cast: Op = {
  name: 'Cast',
  infer: (inputs, attrs) => [{ dtype: dtypeOfCode(attrs.to as number), shape: need(inputs, 0).shape }],
  vjp: ({ dy, inputs: [x] }) => [isFloat(x!.dtype) ? cast(dy[0]!, x!.dtype) : undefined],
  reference: ([x], { attrs }) => {
    const dtype = dtypeOfCode(attrs.to as number);
    const whole = (v: number) => Math.trunc(v) + 0; // integers have no -0
    const convert = dtype === 'bool' ? (v: number) => (v === 0 ? 0 : 1) : isFloat(dtype) ? (v: number) => v : whole;
    return [{ dtype, shape: x!.shape, data: Float64Array.from(x!.data, convert) }];
  },
};

export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float16';
}

function dtypeOfCode(code: number): DType {
  const found = (Object.keys(CAST_CODES) as DType[]).find((dtype) => CAST_CODES[dtype] === code);
  if (!found) throw new BuildError(`dtype ${code} is not supported`);
  return found;
}

/** The dtype that a number takes beside a tensor. */
const operandType = (a: Operand, b: Operand): DType =>
  typeof a !== 'number' ? a.dtype : typeof b !== 'number' ? b.dtype : 'float32';

const pair =
  (op: Op) =>
  (a: Operand, b: Operand): Tensor => {
    const dtype = operandType(a, b);
    return apply1(op, [operand(a, dtype), operand(b, dtype)]);
  };
const single =
  (op: Op) =>
  (x: Tensor): Tensor =>
    apply1(op, [x]);

export const [add, sub, mul, div] = [pair(Add), pair(Sub), pair(Mul), pair(Div)];
export const [maximum, minimum, pow] = [pair(Max), pair(Min), pair(Pow)];
export const [neg, exp, log, sqrt, reciprocal] = [
  single(Neg),
  single(Exp),
  single(Log),
  single(Sqrt),
  single(Reciprocal),
];
export const [abs, sign, floor, ceil, round] = [single(Abs), single(Sign), single(Floor), single(Ceil), single(Round)];
export const [tanh, sigmoid, softplus, relu] = [single(Tanh), single(Sigmoid), single(Softplus), single(Relu)];
export const [sin, cos] = [single(Sin), single(Cos)];
export const [erf, identity, stopGradient] = [single(Erf), single(Identity), single(StopGradient)];
export const hardSigmoid = (x: Tensor, alpha: number, beta: number): Tensor =>
  apply1(HardSigmoid, [x], { alpha, beta });
export const cast = (x: Tensor, to: DType): Tensor => (x.dtype === to ? x : apply1(Cast, [x], { to: CAST_CODES[to] }));
export const clip = (x: Tensor, low: number, high: number): Tensor =>
  apply1(Clip, [x, operand(low, x.dtype), operand(high, x.dtype)]);
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor => {
  const dtype = operandType(a, b);
  return apply1(Where, [condition, operand(a, dtype), operand(b, dtype)]);
};
/** 1 where x > bound, else 0; no gradient. */
export const step = (x: Tensor, bound = 0): Tensor => cast(greater(x, bound), x.dtype);
