import { BatchNormalization, batchNormEval, batchNormTraining, LayerNormalization, layerNorm } from '../norm.ts';
import { argMax, reduceMax, reduceMean, reduceMin, reduceSum, reduceSumSquare } from '../reduce.ts';
import { logSoftmax, softmax } from '../softmax.ts';
import { apply, apply1, int64s } from '../../graph/build.ts';
import type { Op, Tensor } from '../../graph/tensor.ts';
import { ReduceMax, ReduceMin } from '../reduce.ts';
import { between, type CaseInput, given, normal, type OpCase, row, spaced } from './opCase.ts';

type Shaped = (...shape: number[]) => CaseInput;

function reductions(f: typeof reduceSum, of: Shaped): OpCase[] {
  return [
    row('all axes', [of(2, 3)], (x) => f(x)),
    row('all axes kept', [of(2, 3)], (x) => f(x, { keepDims: true })),
    row('last axis', [of(2, 3)], (x) => f(x, { axes: [-1] })),
    row('first axis kept', [of(2, 3)], (x) => f(x, { axes: [0], keepDims: true })),
    row('outer axes', [of(2, 3, 4)], (x) => f(x, { axes: [0, 2] })),
    row('space', [of(2, 3, 2, 2)], (x) => f(x, { axes: [2, 3] })),
    row('an axis of 1', [of(3, 1)], (x) => f(x, { axes: [1] })),
    row('no axes', [of(2)], (x) => f(x, { axes: [] })),
    row('rank 1', [of(4)], (x) => f(x)),
    row('rank 0', [of()], (x) => f(x)),
  ];
}

/** Equal extrema share the gradient in equal parts. */
function ties(op: Op, f: typeof reduceSum, sign: number): OpCase[] {
  const x = given(
    [2, 4],
    [3, 1, 3, 3, 0, 0, 2, -1].map((v) => sign * v),
  );
  const shares = [1 / 3, 0, 1 / 3, 1 / 3, 0, 0, 1, 0];
  return [
    row('ties', [x], (t) => f(t, { axes: [1] }), { subgradient: [shares] }),
    row('axes in any order', [spaced(2, 3)], (t) => apply1(op, [t, int64s([1, 0])], { keepdims: 0 })),
  ];
}

export const reduceCases = {
  ReduceSum: reductions(reduceSum, normal),
  ReduceMean: reductions(reduceMean, normal),
  ReduceSumSquare: reductions(reduceSumSquare, normal),
  ReduceMax: [...reductions(reduceMax, spaced), ...ties(ReduceMax, reduceMax, 1)],
  ReduceMin: [...reductions(reduceMin, spaced), ...ties(ReduceMin, reduceMin, -1)],
  ArgMax: [
    row('last axis', [spaced(3, 4)], (x) => argMax(x, { axis: -1 })),
    row('middle axis kept', [spaced(2, 3, 2)], (x) => argMax(x, { axis: 1, keepDims: true })),
    row('ties give the first', [given([2, 3], [1, 1, 0, 0, 2, 2])], (x) => argMax(x, { axis: 1 })),
    row('rank 1', [spaced(5)], (x) => argMax(x, { axis: 0 })),
  ],
};

function normalisers(f: typeof softmax): OpCase[] {
  return [
    row('last axis', [normal(2, 3)], (x) => f(x)),
    row('first axis', [normal(2, 3)], (x) => f(x, 0)),
    row('middle axis', [normal(2, 3, 2)], (x) => f(x, 1)),
    row('rank 1', [normal(4)], (x) => f(x)),
    row('one class', [normal(2, 1)], (x) => f(x)),
    row('equal logits', [given([1, 3], [2, 2, 2])], (x) => f(x)),
    row('huge logits', [given([2, 3], [1000, 999, 998, -1e4, -1e4, -10001])], (x) => f(x)),
  ];
}

export const softmaxCases = { Softmax: normalisers(softmax), LogSoftmax: normalisers(logSoftmax) };

const layerRow = (name: string, x: CaseInput, D: number, epsilon = 1e-6) =>
  row(name, [x, normal(D), normal(D)], (...[t, scale, bias]: Tensor[]) => layerNorm(t!, scale!, bias!, epsilon));

const channelInputs = (C: number) => [normal(C), normal(C), normal(C), between(0.5, 2, C)];

const trainingRow = (name: string, x: CaseInput, C: number, epsilon = 1e-5) =>
  row(name, [x, normal(C), normal(C)], (t, scale, bias) => batchNormTraining(t, scale, bias, epsilon)[0]);

const batchRow = (name: string, x: CaseInput) =>
  row(
    name,
    [x, ...channelInputs(x.shape[1]!)],
    (...[t, scale, bias, mean, variance]: Tensor[]) => batchNormEval(t!, scale!, bias!, mean!, variance!, 1e-3),
    { differentiable: [0, 1, 2] },
  );

export const normCases = {
  LayerNormalization: [
    layerRow('rank 2', normal(3, 4), 4),
    layerRow('rank 3', normal(2, 3, 5), 5),
    layerRow('rank 1', normal(6), 6),
    layerRow('large epsilon', normal(2, 4), 4, 0.5),
    layerRow('constant row', given([2, 3], [2, 2, 2, 1, 2, 4]), 3, 0.1),
    layerRow('far from zero', between(99, 101, 2, 8), 8),
    row(
      'its statistics',
      [normal(2, 3, 4), normal(4), normal(4)],
      (x, scale, bias) => apply(LayerNormalization, [x, scale, bias], { axis: -1, epsilon: 1e-5 }),
      { differentiable: [] },
    ),
  ],
  BatchNormalization: [
    batchRow('rank 2', normal(3, 2)),
    batchRow('rank 3', normal(2, 3, 2)),
    batchRow('rank 4', normal(2, 3, 2, 2)),
    row(
      'small variance',
      [normal(2, 2), normal(2), normal(2), normal(2), given([2], [0, 1e-4])],
      (...xs) => apply1(BatchNormalization, xs, { epsilon: 1e-3 }),
      { differentiable: [0, 1, 2] },
    ),
  ],
  BatchNormalizationTraining: [
    trainingRow('rank 2', normal(4, 3), 3),
    trainingRow('rank 3', normal(2, 3, 4), 3),
    trainingRow('rank 4', normal(2, 3, 2, 3), 3),
    trainingRow('constant channel', given([3, 2], [1, 2, 1, 3, 1, 5]), 2, 0.1),
    trainingRow('large epsilon', normal(3, 2, 2, 2), 2, 0.5),
    row(
      'its statistics',
      [normal(2, 3, 2, 2), normal(3), normal(3)],
      (x, scale, bias) => batchNormTraining(x, scale, bias, 1e-5),
      { differentiable: [] },
    ),
  ],
};
