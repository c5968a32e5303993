import { apply, apply1, int64s } from '../../graph/build.ts';
import {
  Concat,
  concat,
  Expand,
  Pad,
  pad,
  Reshape,
  reshape,
  Slice,
  Split,
  slice,
  split,
  Transpose,
  transpose,
} from '../movement.ts';
import { Gather, GatherElements, gather, gatherElements, ScatterElements, scatterElements } from '../gather.ts';
import { mul } from '../elementwise.ts';
import { index, normal, row } from './opCase.ts';

const strided = (name: string, n: number, start: number, end: number, step: number) =>
  row(name, [normal(2, n)], (x) => slice(x, 1, start, end, step));

export const movementCases = {
  Reshape: [
    row('fold', [normal(2, 3, 4)], (x) => reshape(x, [6, 4])),
    row('open extent', [normal(2, 3, 4)], (x) => apply1(Reshape, [x, int64s([2, -1])])),
    row('to rank 0', [normal(1, 1)], (x) => reshape(x, [])),
    row('from rank 0', [normal()], (x) => reshape(x, [1, 1])),
    row('int64', [index([4], [1, 2, 3, 4])], (x) => reshape(x, [2, 2])),
  ],
  Transpose: [
    row('rank 2', [normal(2, 3)], (x) => transpose(x, [1, 0])),
    row('a cycle is not its own inverse', [normal(2, 3, 4)], (x) => transpose(x, [1, 2, 0])),
    row('rank 4', [normal(2, 3, 1, 2)], (x) => transpose(x, [0, 2, 3, 1])),
    row('rank 1', [normal(3)], (x) => apply1(Transpose, [x], { perm: [0] })),
  ],
  Expand: [
    row('new axes', [normal(3)], (x) => apply1(Expand, [x, int64s([2, 4, 3])])),
    row('ones', [normal(2, 1, 3, 1)], (x) => apply1(Expand, [x, int64s([2, 4, 3, 2])])),
    row('rank 0', [normal()], (x) => apply1(Expand, [x, int64s([2, 2])])),
    row('the target may be smaller', [normal(2, 3)], (x) => apply1(Expand, [x, int64s([1])])),
    row('to its own shape', [normal(2)], (x) => apply1(Expand, [x, int64s([2])])),
  ],
  Concat: [
    row('unequal parts', [normal(2, 1), normal(2, 3), normal(2, 2)], (...xs) => concat(xs, 1)),
    row('first axis', [normal(1, 2), normal(3, 2)], (...xs) => concat(xs, 0)),
    row('middle axis', [normal(2, 1, 2), normal(2, 2, 2)], (...xs) => concat(xs, 1)),
    row('one tensor twice', [normal(2, 2)], (x) => concat([x, x], -1)),
    row('negative axis', [normal(2, 1), normal(2, 2)], (...xs) => apply1(Concat, xs, { axis: -1 })),
    row('rank 1', [normal(1), normal(2)], (...xs) => concat(xs, 0)),
    row('int64', [index([1], [4]), index([2], [5, 6])], (...xs) => concat(xs, 0)),
  ],
  Split: [
    row('unequal parts', [normal(2, 6)], (x) => split(x, [1, 3, 2], 1)),
    row('an unused part', [normal(2, 6)], (x) => [split(x, [1, 3, 2], 1)[1]!]),
    row('first axis', [normal(5, 2)], (x) => split(x, [4, 1], 0)),
    row('negative axis', [normal(2, 3, 2)], (x) => apply(Split, [x, int64s([1, 1])], { axis: -1 })),
    row('parts meet again', [normal(4)], (x) => mul(...(split(x, [2, 2], 0) as [typeof x, typeof x]))),
  ],
  Slice: [
    strided('inside', 5, 1, 4, 1),
    strided('step that ends early', 7, 0, 6, 2),
    strided('step over the whole', 7, 0, 7, 3),
    strided('unaligned end', 8, 1, 7, 4),
    strided('start and step', 9, 2, 9, 3),
    strided('step larger than what is left', 6, 4, 6, 5),
    strided('one element', 4, 3, 4, 1),
    strided('negative end', 5, 0, -1, 2),
    row('first axis', [normal(4, 2)], (x) => slice(x, 0, 1, 3)),
    row('two axes at once', [normal(5, 2, 6)], (x) =>
      apply1(Slice, [x, int64s([0, 1]), int64s([5, 6]), int64s([-1, 0]), int64s([2, 3])]),
    ),
    row('ends beyond the axis', [normal(3, 4)], (x) => apply1(Slice, [x, int64s([1, -3]), int64s([99, -1])])),
    row('overlapping slices', [normal(4)], (x) => [slice(x, 0, 0, 3), slice(x, 0, 1, 4)]),
    row('rank 1 int64', [index([3], [1, 2, 3])], (x) => slice(x, 0, 0, 3, 2)),
  ],
  Pad: [
    row('both sides', [normal(2, 3)], (x) => pad(x, [1, 0], [0, 2])),
    row('rank 4', [normal(1, 2, 2, 3)], (x) => pad(x, [0, 0, 1, 2], [0, 0, 1, 0])),
    row('rank 1', [normal(2)], (x) => pad(x, [1], [1])),
    row('nothing', [normal(2)], (x) => apply1(Pad, [x, int64s([0, 0])])),
  ],
};

export const gatherCases = {
  Gather: [
    row('repeated indices', [normal(4, 3), index([5], [1, 0, 1, 3, 1])], (x, at) => gather(x, at, 0)),
    row('last axis', [normal(2, 4), index([2], [3, 0])], (x, at) => gather(x, at, -1)),
    row('indices of rank 2', [normal(2, 4, 3), index([2, 2], [0, 3, 3, 1])], (x, at) => gather(x, at, 1)),
    row('indices of rank 0', [normal(3, 2), index([], [2])], (x, at) => gather(x, at, 0)),
    row('rank 1', [normal(3), index([2], [2, 2])], (x, at) => gather(x, at, 0)),
    row('negative indices', [normal(4, 2), index([2], [-1, -4])], (x, at) => gather(x, at, 0)),
    row('negative axis attribute', [normal(2, 4), index([2], [3, 3])], (x, at) =>
      apply1(Gather, [x, at], { axis: -1 }),
    ),
    row('int64', [index([3], [7, 8, 9]), index([2], [2, 0])], (x, at) => gather(x, at, 0)),
  ],
  GatherElements: [
    row('repeated', [normal(2, 3), index([2, 2], [0, 0, 2, 1])], (x, at) => gatherElements(x, at, 1)),
    row('first axis, fewer columns', [normal(3, 4), index([2, 2], [2, 0, 2, 1])], (x, at) => gatherElements(x, at, 0)),
    row('negative indices and axis', [normal(2, 3), index([2, 1], [-1, -3])], (x, at) =>
      apply1(GatherElements, [x, at], { axis: -1 }),
    ),
    row('rank 1', [normal(3), index([4], [2, 2, 0, 2])], (x, at) => gatherElements(x, at, 0)),
  ],
  ScatterElements: [
    row('into zeros, repeated', [index([2, 3], [0, 0, 2, 1, 1, 1]), normal(2, 3)], (at, updates) =>
      scatterElements([2, 4], at, updates, 1),
    ),
    row('into data', [normal(3, 2), index([2, 1], [2, 2]), normal(2, 1)], (x, at, updates) =>
      apply1(ScatterElements, [x, at, updates], { axis: 0, reduction: 'add' }),
    ),
    row('negative indices and axis', [normal(2, 3), index([2, 2], [-1, 0, -3, -3]), normal(2, 2)], (x, at, updates) =>
      apply1(ScatterElements, [x, at, updates], { axis: -1, reduction: 'add' }),
    ),
    row('rank 1', [normal(4), index([3], [1, 1, 3]), normal(3)], (x, at, updates) =>
      apply1(ScatterElements, [x, at, updates], { axis: 0, reduction: 'add' }),
    ),
  ],
};
