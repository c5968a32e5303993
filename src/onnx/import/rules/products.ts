import { BuildError } from '../../../graph/errors.ts';
import { sizeOf } from '../../../graph/shape.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { gemm, matmul } from '../../../ops/matmul.ts';
import { reshape, transpose } from '../../../ops/movement.ts';
import { reduceSum } from '../../../ops/reduce.ts';
import { assume, type Call, inputAt, type Rules } from '../rule.ts';

/** A vector on the left is a row, on the right a column; the axis that it gained is dropped. */
export function product(a: Tensor, b: Tensor): Tensor {
  const row = a.shape.length === 1 ? reshape(a, [1, a.shape[0]!]) : a;
  const column = b.shape.length === 1 ? reshape(b, [b.shape[0]!, 1]) : b;
  const y = matmul(row, column);
  const lead = y.shape.slice(0, -2);
  if (row !== a) return reshape(y, [...lead, ...(column !== b ? [] : [y.shape.at(-1)!])]);
  return column !== b ? reshape(y, [...lead, y.shape.at(-2)!]) : y;
}

function gemmRule(call: Call): Tensor {
  const { attrs } = call;
  return gemm(inputAt(call, 0), inputAt(call, 1), call.inputs[2], {
    transA: attrs.int('transA', 0) === 1,
    transB: attrs.int('transB', 0) === 1,
    alpha: attrs.float('alpha', 1),
    beta: attrs.float('beta', 1),
  });
}

function fused(call: Call): Tensor {
  for (const name of ['transBatchA', 'transBatchB']) assume(name, call.attrs.int(name, 0), [0]);
  const flags = { transA: call.attrs.int('transA', 0) === 1, transB: call.attrs.int('transB', 0) === 1 };
  return matmul(inputAt(call, 0), inputAt(call, 1), { ...flags, alpha: call.attrs.float('alpha', 1) });
}

/** A sum of products over named axes, as one matrix product: axes of both and the result are its batch, shared ones its inside. */
function einsum(call: Call): Tensor {
  const equation = call.attrs.text('equation', '').replaceAll(' ', '');
  const [left = '', out] = equation.split('->');
  const terms = left.split(',');
  const plain =
    out !== undefined && terms.length <= 2 && /^[A-Za-z,]*$/.test(left) && terms.length === call.inputs.length;
  if (
    !plain ||
    terms.some((term, i) => new Set(term).size !== term.length || term.length !== inputAt(call, i).shape.length)
  )
    throw new BuildError(
      `the equation "${equation}" is not supported; wanted one or two operands with distinct letters, as in bhid,bhjd->bhij`,
    );
  const tensors = terms.map((term, i) => summed({ term, x: inputAt(call, i) }, terms[1 - i] ?? '', out));
  const result = tensors.length === 1 ? tensors[0]! : contracted(tensors[0]!, tensors[1]!, out);
  return arranged(result, out);
}

interface Named {
  readonly term: string;
  readonly x: Tensor;
}

/** Letters that stand nowhere else are summed away first. */
function summed({ term, x }: Named, other: string, out: string): Named {
  const axes = [...term].flatMap((letter, axis) => (other.includes(letter) || out.includes(letter) ? [] : [axis]));
  const kept = [...term].filter((_, axis) => !axes.includes(axis)).join('');
  return { term: kept, x: axes.length === 0 ? x : reduceSum(x, { axes }) };
}

function contracted(a: Named, b: Named, out: string): Named {
  const both = [...a.term].filter((letter) => b.term.includes(letter));
  const batch = both.filter((letter) => out.includes(letter));
  const inside = both.filter((letter) => !out.includes(letter));
  const own = (named: Named) => [...named.term].filter((letter) => !both.includes(letter));
  const sizes = new Map([a, b].flatMap(({ term, x }) => [...term].map((letter, i) => [letter, x.shape[i]!] as const)));
  const extent = (letters: readonly string[]) => sizeOf(letters.map((letter) => sizes.get(letter)!));
  const rows = own(a);
  const columns = own(b);
  const x = reshape(arranged(a, [...batch, ...rows, ...inside].join('')), [
    extent(batch),
    extent(rows),
    extent(inside),
  ]);
  const y = reshape(arranged(b, [...batch, ...inside, ...columns].join('')), [
    extent(batch),
    extent(inside),
    extent(columns),
  ]);
  const term = [...batch, ...rows, ...columns];
  return {
    term: term.join(''),
    x: reshape(
      matmul(x, y),
      term.map((letter) => sizes.get(letter)!),
    ),
  };
}

function arranged({ term, x }: Named, order: string): Tensor {
  return transpose(
    x,
    [...order].map((letter) => term.indexOf(letter)),
  );
}

export const productRules: Rules = {
  MatMul: (call) => [product(inputAt(call, 0), inputAt(call, 1))],
  Gemm: (call) => [gemmRule(call)],
  Einsum: (call) => [einsum(call)],
  'com.microsoft::FusedMatMul': (call) => [fused(call)],
};
