import { apply1, type Operand, operand } from '../graph/build.ts';
import { broadcastShapes } from '../graph/shape.ts';
import type { Op, Tensor } from '../graph/tensor.ts';
import { mapBroadcast, mapUnary, need, sameDtype } from './elementwise.ts';

function comparison(name: string, f: (a: number, b: number) => boolean): Op {
  return {
    name,
    infer: (inputs) => {
      const [a, b] = [need(inputs, 0), need(inputs, 1)];
      sameDtype(a, b);
      return [{ dtype: 'bool', shape: broadcastShapes(a.shape, b.shape) }];
    },
    vjp: 'zero',
    reference: (inputs) => mapBroadcast((a, b) => (f(a!, b!) ? 1 : 0), 'bool')(inputs),
  };
}

export const Equal = comparison('Equal', (a, b) => a === b);
export const Greater = comparison('Greater', (a, b) => a > b);
export const GreaterOrEqual = comparison('GreaterOrEqual', (a, b) => a >= b);
export const Less = comparison('Less', (a, b) => a < b);
export const LessOrEqual = comparison('LessOrEqual', (a, b) => a <= b);
export const And = comparison('And', (a, b) => a !== 0 && b !== 0);
export const Or = comparison('Or', (a, b) => a !== 0 || b !== 0);
export const Not: Op = {
  name: 'Not',
  infer: (inputs) => [{ dtype: 'bool', shape: need(inputs, 0).shape }],
  vjp: 'zero',
  reference: (inputs) => mapUnary((x) => (x === 0 ? 1 : 0))(inputs),
};

const pair =
  (op: Op) =>
  (a: Tensor, b: Operand): Tensor =>
    apply1(op, [a, operand(b, a.dtype)]);

export const [equal, greater, greaterOrEqual, less, lessOrEqual] = [
  pair(Equal),
  pair(Greater),
  pair(GreaterOrEqual),
  pair(Less),
  pair(LessOrEqual),
];
export const [and, or] = [pair(And), pair(Or)];
export const not = (x: Tensor): Tensor => apply1(Not, [x]);
