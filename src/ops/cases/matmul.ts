import { apply1 } from '../../graph/build.ts';
import { FusedMatMul, gemm, matmul } from '../matmul.ts';
import { type CaseInput, normal, type OpCase, row } from './opCase.ts';

const FLAGS = [false, true].flatMap((transA) => [false, true].map((transB) => ({ transA, transB })));

/** A matrix of rows x columns, stored transposed on demand, under leading axes. */
function stored(lead: readonly number[], rows: number, columns: number, transposed: boolean): CaseInput {
  return transposed ? normal(...lead, columns, rows) : normal(...lead, rows, columns);
}

/** Leading axes of both operands: folded, broadcast both ways, and one operand plain. */
const LEADS: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ['rank 2', [], []],
  ['batched', [2], [2]],
  ['batched left', [2, 3], []],
  ['batched right', [], [2]],
  ['broadcast both ways', [2, 1], [3]],
  ['broadcast 1', [1], [2]],
];

function products(trans: (typeof FLAGS)[number], alpha: number, f: OpCase['build']): OpCase[] {
  return LEADS.map(([name, left, right]) => ({
    name: `${name} ${trans.transA ? "A'" : 'A'} ${trans.transB ? "B'" : 'B'} alpha ${alpha}`,
    inputs: [stored(left, 2, 3, trans.transA), stored(right, 3, 4, trans.transB)],
    build: f,
  }));
}

const fused = FLAGS.flatMap(({ transA, transB }) =>
  [1, -0.5].flatMap((alpha) =>
    products({ transA, transB }, alpha, ([a, b]) =>
      apply1(FusedMatMul, [a, b], { transA: transA ? 1 : 0, transB: transB ? 1 : 0, alpha }),
    ),
  ),
);

const ADDENDS: readonly (readonly [string, readonly number[]])[] = [
  ['row', [4]],
  ['column', [2, 1]],
  ['number', []],
  ['one by one', [1, 1]],
  ['matrix', [2, 4]],
];

const gemms = FLAGS.flatMap((trans) =>
  [
    { alpha: 1, beta: 1 },
    { alpha: 0.5, beta: -2 },
  ].flatMap((scales) => {
    const name = `${trans.transA ? "A'" : 'A'} ${trans.transB ? "B'" : 'B'} ${scales.alpha} ${scales.beta}`;
    const sides = [stored([], 2, 3, trans.transA), stored([], 3, 4, trans.transB)];
    const f = (a: Parameters<typeof gemm>[0], b: typeof a, c?: typeof a) => gemm(a, b, c, { ...trans, ...scales });
    return [
      row(`${name} no C`, sides, f),
      ...ADDENDS.map(([form, shape]) => row(`${name} C ${form}`, [...sides, normal(...shape)], f)),
    ];
  }),
);

export const matmulCases = {
  MatMul: [
    ...products({ transA: false, transB: false }, 1, ([a, b]) => matmul(a!, b!)),
    row('one tensor twice', [normal(3, 3)], (x) => matmul(x, x)),
    row('inner size 1', [normal(2, 1), normal(1, 3)], (a, b) => matmul(a, b)),
  ],
  FusedMatMul: [
    ...fused,
    row('a tensor with itself', [normal(2, 3, 4)], (x) => matmul(x, x, { transB: true, alpha: 0.3 })),
  ],
  Gemm: gemms,
};
