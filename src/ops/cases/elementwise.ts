import * as compare from '../compare.ts';
import * as ops from '../elementwise.ts';
import { gelu, keptGelu, scaledGelu } from '../gelu.ts';
import { between, type CaseInput, flags, given, index, normal, type OpCase, row, spaced } from './opCase.ts';

type Unary = (x: ReturnType<typeof ops.exp>) => ReturnType<typeof ops.exp>;
type Shaped = (...shape: number[]) => CaseInput;

/** Rank 2, 1 and 0, and where given the extreme values at which a careless formula overflows. */
function unary(f: Unary, of: Shaped, extreme: readonly number[] = []): OpCase[] {
  return [
    row('rank 2', [of(2, 3)], f),
    row('rank 1', [of(4)], f),
    row('rank 0', [of()], f),
    ...(extreme.length === 0 ? [] : [row('extreme', [given([extreme.length], extreme)], f)]),
  ];
}

type Binary = (a: Parameters<Unary>[0], b: Parameters<Unary>[0]) => ReturnType<Unary>;

function binary(f: Binary, left: Shaped, right: Shaped = left): OpCase[] {
  return [
    row('same shape', [left(2, 3), right(2, 3)], f),
    row('broadcast rank', [left(2, 3), right(3)], f),
    row('broadcast both ways', [left(2, 1, 3), right(4, 1)], f),
    row('rank 0 right', [left(2, 3), right()], f),
    row('rank 0 left', [left(), right(2, 3)], f),
    row('rank 0 both', [left(), right()], f),
    row('one tensor twice', [left(3)], (x) => f(x, x)),
    row('number operand', [left(3)], (x) => f(x, ops.add(ops.mul(x, 2), 0.5))),
  ];
}

const positive: Shaped = (...shape) => between(0.3, 3, ...shape);

/** Two inputs of distinct values, whatever is broadcast: the left on the grid, the right between its points. */
const offGrid: Shaped = (...shape) => ({
  ...spaced(...shape),
  draw: (random) =>
    spaced(...shape)
      .draw(random)
      .map((x) => x + 0.03),
});

/** Extremum of a grid and an off-grid input; f(x, x) ties everywhere, which gives each side half: 1 in all. */
function extremum(f: Binary): OpCase[] {
  return [
    ...binary(f, spaced, offGrid).slice(0, 6),
    row('one tensor twice', [normal(3)], (x) => f(x, x)),
    row('tie', [given([3], [1, 2, -1]), given([3], [1, 1, -1])], f, {
      subgradient:
        f === ops.maximum
          ? [
              [0.5, 1, 0.5],
              [0.5, 0, 0.5],
            ]
          : [
              [0.5, 0, 0.5],
              [0.5, 1, 0.5],
            ],
    }),
  ];
}

const integers = (f: Binary) => row('int64', [index([3], [5, -2, 7]), index([1], [2])], f);

export const elementwiseCases = {
  Add: [...binary(ops.add, normal), integers(ops.add)],
  Sub: [...binary(ops.sub, normal), integers(ops.sub)],
  Mul: [...binary(ops.mul, normal), integers(ops.mul)],
  Div: [
    ...binary(ops.div, normal, positive).slice(0, 6),
    row('one tensor twice', [positive(3)], (x) => ops.div(x, x)),
    row('number over x', [positive(3)], (x) => ops.div(2, x)),
    row('negative divisor', [normal(4), given([4], [-0.5, -2, 0.25, 8])], ops.div),
    row('int64 truncates', [index([4], [7, -7, 9, -1]), index([], [2])], ops.div),
  ],
  Max: extremum(ops.maximum),
  Min: extremum(ops.minimum),
  Pow: [
    row('square', [normal(2, 3)], (x) => ops.pow(x, 2)),
    row('cube of rank 0', [normal()], (x) => ops.pow(x, 3)),
    row('root', [positive(4)], (x) => ops.pow(x, 0.5)),
    row('negative exponent', [positive(4)], (x) => ops.pow(x, -1.5)),
    row('exponents broadcast', [positive(2, 1), given([3], [2, 1, -1])], ops.pow, { differentiable: [0] }),
    row('at zero', [given([3], [0, 1, -1])], (x) => ops.pow(x, 2)),
  ],
  Neg: unary(ops.neg, normal),
  Exp: unary(ops.exp, normal, [-100, 5, 0]),
  Log: unary(ops.log, positive, [0.02, 1, 1000]),
  Sqrt: unary(ops.sqrt, positive, [0.01, 1e4]),
  Reciprocal: unary(ops.reciprocal, positive, [-2, 0.05, 100]),
  Abs: [
    ...unary(ops.abs, spaced),
    row('zero has gradient 0', [given([3], [0, 2, -2])], ops.abs, { subgradient: [[0, 1, -1]] }),
  ],
  Sin: unary(ops.sin, normal, [-20, 3, 0]),
  Cos: unary(ops.cos, normal, [-20, 3, 0]),
  Tanh: unary(ops.tanh, normal, [-20, 20, 0]),
  Sigmoid: unary(ops.sigmoid, normal, [-80, 80, 0, -800]),
  Softplus: unary(ops.softplus, normal, [-80, 80, 0, 800]),
  Relu: [
    ...unary(ops.relu, spaced),
    row('zero has gradient 0', [given([3], [0, 2, -2])], ops.relu, { subgradient: [[0, 1, 0]] }),
  ],
  Erf: unary(ops.erf, normal, [0, 2.49, 2.51, -4, 7]),
  Sign: unary(ops.sign, spaced, [2, 0.5, -0.05]),
  Floor: unary(ops.floor, spaced, [-2.5, 2.5, 7.25]),
  Ceil: unary(ops.ceil, spaced, [-2.5, 2.5, 7.25]),
  Round: [
    ...unary(ops.round, spaced).slice(0, 1),
    row('halves go to even', [given([6], [0.5, 1.5, 2.5, -0.5, -1.5, -2.5])], ops.round, {
      subgradient: [[0, 0, 0, 0, 0, 0]],
    }),
  ],
  Identity: unary(ops.identity, normal),
  StopGradient: [
    row(
      'the stopped factor counts as a constant',
      [given([3], [1, 2, -3])],
      (x) => ops.mul(x, ops.stopGradient(ops.identity(x))),
      {
        subgradient: [[1, 2, -3]],
      },
    ),
  ],
  HardSigmoid: [
    ...unary((x) => ops.hardSigmoid(x, 0.2, 0.5), spaced, [-9, 9, 0.25]),
    ...unary((x) => ops.hardSigmoid(x, 0.5, 0.5), spaced),
    row('the corners have gradient 0', [given([4], [-1, 1, 0, 3])], (x) => ops.hardSigmoid(x, 0.5, 0.5), {
      subgradient: [[0, 0, 0.5, 0]],
    }),
  ],
  Gelu: unary(gelu, normal, [-10, 10, 0, -0.75]),
  KeptGelu: unary(keptGelu, normal, [-10, 10, 0, -0.75]),
  ScaledGelu: unary(scaledGelu, normal, [-7, 7, 0, -0.53]),
  Clip: [
    ...unary((x) => ops.clip(x, -0.11, 0.22), spaced),
    row('a bound passes the gradient', [given([4], [-1, 1, 1.5, -1.5])], (x) => ops.clip(x, -1, 1), {
      subgradient: [[1, 1, 0, 0]],
    }),
  ],
  Where: [
    row('same shape', [flags([2, 2], [1, 0, 0, 1]), normal(2, 2), normal(2, 2)], ops.where),
    row('condition broadcasts', [flags([2, 1], [1, 0]), normal(3), normal(2, 3)], ops.where),
    row('branches broadcast', [flags([2, 3], [1, 0, 1, 0, 0, 1]), normal(), normal(2, 1)], ops.where),
    row('number branches', [flags([3], [1, 0, 1]), normal(3)], (c, x) => [ops.where(c, x, -1), ops.where(c, 2, x)]),
    row('rank 0', [flags([], [1]), normal(), normal()], ops.where),
    row('int64', [flags([3], [1, 0, 1]), index([3], [4, 5, 6])], (c, x) => ops.where(c, x, -1)),
  ],
  Cast: [
    row('float to int64 truncates', [given([4], [1.7, -1.7, 0.2, -0.2])], (x) => ops.cast(x, 'int64')),
    row('int64 to float', [index([3], [-2, 0, 7])], (x) => ops.cast(x, 'float32')),
    row('bool to float, rank 0', [flags([], [1])], (x) => ops.cast(x, 'float32')),
    row('float to bool', [given([4], [0, -0, 0.5, -3])], (x) => ops.cast(x, 'bool')),
    row('through int64 no gradient flows', [given([2], [1.5, 2.5])], (x) =>
      ops.mul(x, ops.cast(ops.cast(x, 'int64'), 'float32')),
    ),
    row('int32 and uint8', [given([2], [3, 250])], (x) => [ops.cast(x, 'int32'), ops.cast(x, 'uint8')]),
  ],
};

type Pair = (a: Parameters<Unary>[0], b: Parameters<Unary>[0] | number) => ReturnType<Unary>;

function comparison(f: Pair): OpCase[] {
  const [low, high] = [given([2, 3], [0, 1, 2, 3, 4, 5]), given([3], [3, 1, 2])];
  return [
    row('broadcast, below, at and above', [low, high], f),
    row('rank 0', [given([], [1.5]), given([], [1.5])], f),
    row('number', [low], (x) => f(x, 2)),
    row('int64', [index([3], [1, 2, 3]), index([], [2])], f),
  ];
}

function logical(f: Pair): OpCase[] {
  const [a, b] = [flags([2, 1], [0, 1]), flags([2], [0, 1])];
  return [row('truth table', [a, b], f), row('rank 0', [flags([], [1]), flags([], [0])], f)];
}

export const compareCases = {
  Equal: comparison(compare.equal),
  Greater: comparison(compare.greater),
  GreaterOrEqual: comparison(compare.greaterOrEqual),
  Less: comparison(compare.less),
  LessOrEqual: comparison(compare.lessOrEqual),
  And: logical(compare.and),
  Or: logical(compare.or),
  Not: [row('both', [flags([2], [0, 1])], compare.not), row('rank 0', [flags([], [1])], compare.not)],
};
