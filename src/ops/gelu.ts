import { apply1 } from '../graph/build.ts';
import type { Op, Tensor } from '../graph/tensor.ts';
import {
  add,
  erf,
  exp,
  expectAttrs,
  hardSigmoid,
  inferUnary,
  mapUnary,
  Mul,
  mul,
  stopGradient,
  sub,
} from './elementwise.ts';
import { erfValue } from './special.ts';

/** x Phi(x). Source: Hendrycks & Gimpel, arXiv 1606.08415, section 2. */
export const Gelu: Op = {
  name: 'Gelu',
  infer: (inputs, attrs) => {
    expectAttrs(attrs, { approximate: 'none' });
    return inferUnary(inputs);
  },
  // Phi(x) + x phi(x), the density's constant inside the exponent.
  vjp: ({ dy: [dy], inputs: [x] }) => {
    const t = mul(x!, Math.SQRT1_2);
    const density = exp(sub(-0.5 * Math.log(2 * Math.PI), mul(t, t)));
    return [mul(dy!, add(gaussian(t), mul(x!, density)))];
  },
  reference: ([x]) => mapUnary((v) => 0.5 * v * (1 + erfValue(v / Math.SQRT2)))([x]),
};

/**
 * u Phi, where Phi = Phi(sqrt2 u) is given and no gradient flows to it: the whole derivative, Phi + u exp(-u^2) / sqrt pi, is
 * this operator's. ONNX's Mul.
 */
export const ScaledGelu: Op = {
  ...Mul,
  vjp: ({ dy: [dy], inputs: [u, cdf] }) => {
    const density = exp(sub(-0.5 * Math.log(Math.PI), mul(u!, u!)));
    return [mul(dy!, add(cdf!, mul(u!, density))), undefined];
  },
};

/** x Phi, where Phi = Phi(x) is given and no gradient flows to it: the whole derivative is this operator's. ONNX's Mul. */
export const KeptGelu: Op = {
  ...Mul,
  vjp: ({ dy: [dy], inputs: [x, cdf] }) => {
    const t = mul(x!, Math.SQRT1_2);
    const density = exp(sub(-0.5 * Math.log(2 * Math.PI), mul(t, t)));
    return [mul(dy!, add(cdf!, mul(x!, density))), undefined];
  },
};

/** Phi(sqrt2 t) = (1 + erf t) / 2. */
const gaussian = (t: Tensor): Tensor => hardSigmoid(erf(t), 0.5, 0.5);

export const gelu = (x: Tensor): Tensor => apply1(Gelu, [x]);

/**
 * gelu(sqrt2 u) / sqrt2: between two products that take the factors upon themselves, it is a transformer's GELU whose gradient
 * has three passes less over the widest tensor, for one more pass forwards and one tensor more to keep. For training.
 */
export const scaledGelu = (u: Tensor): Tensor => apply1(ScaledGelu, [u, stopGradient(gaussian(u))]);

/** GELU that keeps Phi(x) for its gradient, which then needs no second erf: for training, where no product can take its factors. */
export const keptGelu = (x: Tensor): Tensor => apply1(KeptGelu, [x, stopGradient(gaussian(mul(x, Math.SQRT1_2)))]);
