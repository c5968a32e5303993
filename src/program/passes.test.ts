import { describe, expect, it } from 'vitest';
import { evaluate } from '../engine/reference.ts';
import { constant, constantOf, floats, input, scalar } from '../graph/build.ts';
import { ndArray } from '../graph/ndArray.ts';
import { foldConstants } from '../graph/passes/foldConstants.ts';
import { shareCommon } from '../graph/passes/shareCommon.ts';
import { printGraph } from '../graph/print.ts';
import { withLabel } from '../graph/scope.ts';
import type { Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { CASES, realise } from '../ops/cases.ts';
import { add, div, exp, identity, mul, neg, relu, stopGradient, sub, tanh } from '../ops/elementwise.ts';
import { concat, expand, reshape, slice, split, transpose } from '../ops/movement.ts';
import { reduceSum } from '../ops/reduce.ts';
import { type Stream, stream } from '../random/stream.ts';
import { closeProgram } from './program.ts';
import { simplify } from './simplify.ts';

const PASSES = {
  shareCommon,
  foldConstants,
  simplify,
  closeProgram: (outputs: readonly Tensor[]) => [
    ...closeProgram(Object.fromEntries(outputs.map((t, i) => [`out${i}`, t]))).outputs.values(),
  ],
};

const x = input('x', [2, 3]);
const y = input('y', [2, 3]);

/** 15 nodes over tensors of [2,3], full of neutral elements, repeats, no-ops and constants. */
function randomGraph(random: Stream): Tensor[] {
  const pool: Tensor[] = [x, y, floats([2, 3], [1, 2, 3, 4, 5, 6])];
  const pick = () => pool[random.below(pool.length)]!;
  const number = () => [0, 1, -1, 2, 0.5][random.below(5)]!;
  const uniform = () => expand(reshape(scalar(number()), [1, 1]), [2, 3]);
  const makers: (() => Tensor)[] = [
    () => add(pick(), pick()),
    () => sub(pick(), pick()),
    () => mul(pick(), pick()),
    () => div(pick(), add(mul(pick(), 0), 2)),
    () => [add, sub, mul][random.below(3)]!(pick(), number()),
    () => [add, sub, mul][random.below(3)]!(number(), pick()),
    () => [add, sub, mul][random.below(3)]!(pick(), uniform()),
    () => [add, sub, mul, div][random.below(4)]!(uniform(), expand(scalar(2), [2, 3])),
    () => [tanh, relu, neg, identity, stopGradient][random.below(5)]!(pick()),
    () => reshape(reshape(pick(), [3, 2]), [2, 3]),
    () => reshape(reshape(reshape(pick(), [6]), [1, 6, 1]), [2, 3]),
    () => transpose(transpose(pick(), [1, 0]), [1, 0]),
    () => transpose(transpose(transpose(reshape(pick(), [1, 2, 3]), [2, 0, 1]), [1, 2, 0]), [0, 1, 2]),
    () => expand(reduceSum(pick(), { axes: [1], keepDims: true }), [2, 3]),
    () => concat([...split(pick(), [1, 2], 1)].reverse(), 1),
    () => concat([slice(pick(), 0, 0, 1), slice(pick(), 0, 1, 2)], 0),
  ];
  for (let i = 0; i < 15; i++) {
    const made = makers[random.below(makers.length)]!();
    pool.push(made.shape.length === 2 ? made : reshape(made, [2, 3]));
  }
  return pool.slice(-3);
}

/** Negative zero may become zero: x + 0 = x holds for all but -0. */
const valuesOf = (outputs: readonly Tensor[], feeds: Parameters<typeof evaluate>[1]) =>
  evaluate(outputs, feeds).map((v) => ({
    dtype: v.dtype,
    shape: [...v.shape],
    data: Array.from(v.data, (n) => n + 0),
  }));

describe.each(Object.entries(PASSES))('%s never changes a value', (_, pass) => {
  it('of 200 random graphs', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = stream('passes', seed);
      const outputs = randomGraph(random);
      const feeds = new Map(
        ['x', 'y'].map((name) => [name, ndArray([2, 3], Float64Array.from({ length: 6 }, random.normal))]),
      );
      expect(valuesOf(pass(outputs), feeds), printGraph(outputs)).toEqual(valuesOf(outputs, feeds));
    }
  });

  it.each(Object.entries(CASES))('of the rows of %s', (op, rows) => {
    for (const example of rows) {
      const { outputs, feeds } = realise(op, example);
      const after = pass(outputs);
      expect(after.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual(
        outputs.map(({ dtype, shape }) => ({ dtype, shape })),
      );
      expect(valuesOf(after, feeds), example.name).toEqual(valuesOf(outputs, feeds));
    }
  });

  it('gives the same graph when it is run again', () => {
    for (let seed = 0; seed < 50; seed++) {
      const once = pass(randomGraph(stream('passes', seed)));
      expect(printGraph(pass(once))).toBe(printGraph(once));
    }
  });
});

describe('shareCommon', () => {
  it('makes one node of equal ones, and of what they feed', () => {
    const [a, b] = shareCommon([exp(add(x, y)), exp(add(x, y))]);
    expect(a).toBe(b);
    expect(printGraph([a!])).toBe('%0 = Add($x, $y) [2,3]\n%1 = Exp(%0) [2,3]\nreturn %1');
  });

  it('makes one constant of equal values, not of equal numbers of another shape, dtype or sign of zero', () => {
    const same = shareCommon([floats([2], [1, 2]), constant(ndArray([2], Float64Array.of(1, 2)))]);
    expect(same[0]).toBe(same[1]);
    const others = [scalar(1), floats([1], [1]), scalar(1, 'int64'), scalar(0), scalar(-0)];
    expect(new Set(shareCommon(others)).size).toBe(5);
  });

  it('keeps apart what differs in attributes, in the order of inputs or in the output that is used', () => {
    const [first, second] = split(x, [1, 2], 1);
    const three = input('three', [2, 2]);
    const outputs = [transpose(three, [1, 0]), neg(three), sub(x, y), sub(y, x), first!, second!];
    expect(new Set(shareCommon(outputs)).size).toBe(6);
  });

  it('merges ports of one name and one type only', () => {
    expect(new Set(shareCommon([input('p', [2]), input('p', [2])])).size).toBe(1);
    expect(new Set(shareCommon([input('p', [2]), input('p', [3]), input('p', [2], 'int64')])).size).toBe(3);
  });
});

describe('foldConstants', () => {
  it('computes what hangs on constants alone and nothing else', () => {
    const [folded, kept] = foldConstants([mul(add(scalar(2), 3), 4), add(x, mul(scalar(2), 3))]);
    expect(constantOf(folded!)).toEqual({ dtype: 'float32', shape: [], data: Float64Array.of(20) });
    expect(printGraph([kept!])).toBe('%0 = Add($x, 6) [2,3]\nreturn %0');
  });

  it('folds every output of a node', () => {
    const parts = foldConstants([...split(floats([3], [1, 2, 3]), [1, 2], 0)]);
    expect(parts.map((t) => Array.from(constantOf(t)!.data))).toEqual([[1], [2, 3]]);
  });

  it('does not blow a constant up', () => {
    const [big, small] = foldConstants([expand(scalar(1), [100, 100]), expand(scalar(1), [10, 10])]);
    expect(constantOf(big!)).toBeUndefined();
    expect(constantOf(small!)!.data.length).toBe(100);
  });

  it('keeps the label', () => {
    const [folded] = foldConstants([withLabel('head', () => add(scalar(2), 3))]);
    expect(folded!.node.label).toBe('head');
  });
});

describe('simplify', () => {
  const printed = (t: Tensor) => printGraph(simplify([t]));

  it.each([
    ['x * 1', mul(x, 1)],
    ['1 * x', mul(1, x)],
    ['x / 1', div(x, 1)],
    ['x + 0', add(x, 0)],
    ['0 + x', add(0, x)],
    ['x - 0', sub(x, 0)],
    ['x * ones', mul(x, floats([2, 3], [1, 1, 1, 1, 1, 1]))],
    ['x * a broadcast 1', mul(x, expand(reshape(scalar(1), [1, 1]), [2, 3]))],
    ['an identity', identity(stopGradient(x))],
    ['a chain of no-ops', add(mul(identity(x), 1), 0)],
    ['reshapes that cancel', reshape(reshape(x, [3, 2]), [2, 3])],
    ['transposes that cancel', transpose(transpose(x, [1, 0]), [1, 0])],
  ])('drops %s', (_, t) => {
    expect(printed(t)).toBe('return $x');
  });

  it.each([
    ['1 / x', div(1, x), 'Div(1, $x)'],
    ['0 - x', sub(0, x), 'Sub(0, $x)'],
    ['x * 0', mul(x, 0), 'Mul($x, 0)'],
    ['ones of several values', mul(x, floats([3], [1, 1, 2])), 'Mul($x, [1,1,2])'],
  ])('keeps %s', (_, t, wanted) => {
    expect(printed(t)).toBe(`%0 = ${wanted} [2,3]\nreturn %0`);
  });

  it('keeps a neutral element that widens', () => {
    const v = input('v', [3]);
    const widened = printed(mul(v, floats([2, 3], [1, 1, 1, 1, 1, 1])));
    expect(widened).toBe('%0 = Mul($v, [1,1,1,1,1,1]) [2,3]\nreturn %0');
  });

  it('uses a broadcast constant unbroadcast, also where it would be large', () => {
    const big = input('big', [100, 100]);
    expect(printed(mul(expand(scalar(0.5), [100, 100]), big))).toBe('%0 = Mul(0.5, $big) [100,100]\nreturn %0');
    expect(printed(sub(floats([2, 3], [2, 2, 2, 2, 2, 2]), x))).toBe('%0 = Sub(2, $x) [2,3]\nreturn %0');
  });

  it('joins reshapes and transposes', () => {
    expect(printed(reshape(reshape(x, [6]), [3, 2]))).toBe('%0 = Reshape($x, [3,2]) [3,2]\nreturn %0');
    const cube = input('cube', [2, 3, 4]);
    const turned = transpose(transpose(cube, [1, 2, 0]), [0, 2, 1]);
    expect(printed(turned)).toBe('%0 = Transpose($cube) perm=[1,0,2] [3,2,4]\nreturn %0');
  });
});

describe('closeProgram', () => {
  it('has the ports that its outputs need, in order of use', () => {
    const program = closeProgram({ out: sub(y, x), none: scalar(1) });
    expect([...program.inputs.keys()]).toEqual(['y', 'x']);
    expect([...program.outputs.keys()]).toEqual(['out', 'none']);
    expect([...closeProgram({ out: neg(y) }).inputs.keys()]).toEqual(['y']);
  });

  it('takes the outputs as a map too, in its order', () => {
    const program = closeProgram(
      new Map([
        ['b', neg(x)],
        ['a', exp(x)],
      ]),
    );
    expect([...program.outputs].map(([name, t]) => [name, t.node.op.name])).toEqual([
      ['b', 'Neg'],
      ['a', 'Exp'],
    ]);
  });

  it('refuses two ports of one name that differ, and an output that is named as an input', () => {
    const other = input('x', [3]);
    expect(() => closeProgram({ out: add(x, other) })).toThrow('internal: two inputs are named x');
    expect(() => closeProgram({ x: neg(x) })).toThrow('internal: an input and an output are both named x');
    expect(closeProgram({ out: add(x, input('x', [2, 3])) }).inputs.size).toBe(1);
  });

  it('leaves none of its helpers behind', () => {
    const noisy = add(mul(stopGradient(x), add(scalar(0.5), 0.5)), expand(mul(scalar(0), 7), [2, 3]));
    const program = closeProgram({ out: exp(noisy) });
    expect(topologicalOrder([...program.outputs.values()]).map((n) => n.op.name)).toEqual(['Input', 'Exp']);
  });
});
