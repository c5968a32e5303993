import { apply1, type Operand, operand } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { broadcastShapes } from '../graph/shape.ts';
import type { Op, Tensor } from '../graph/tensor.ts';
import { mapBroadcast, need, sameDtype } from './broadcast.ts';

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

function logical(name: string, f: (a: number, b?: number) => boolean): Op {
  return {
    name,
    infer: (inputs) => {
      for (const t of inputs) if (t?.dtype !== 'bool') throw new BuildError(`bool is needed, got ${t?.dtype}`);
      return [{ dtype: 'bool', shape: broadcastShapes(...inputs.map((t) => t!.shape)) }];
    },
    vjp: 'zero',
    reference: (inputs) => mapBroadcast((...values) => (f(...(values as [number])) ? 1 : 0), 'bool')(inputs),
  };
}

export const And = logical('And', (a, b) => a !== 0 && b !== 0);
export const Or = logical('Or', (a, b) => a !== 0 || b !== 0);
export const Not = logical('Not', (a) => a === 0);

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
