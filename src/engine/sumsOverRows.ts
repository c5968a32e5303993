import type { Node, Tensor } from '../graph/tensor.ts';
import { sizeOf } from '../graph/shape.ts';
import { rewrite, topologicalOrder } from '../graph/walk.ts';
import { Gemm, matmul } from '../ops/matmul.ts';
import { reshape, transpose } from '../ops/movement.ts';
import type { Program } from '../program/program.ts';

/** From how many rows a product is worth a transposition of one operand. */
const ROWS = 1024;

/**
 * The same program with the gradients of weights, x'y over the rows of all tokens, as products of a transposed operand. ONNX
 * Runtime's kernel transposes blocks of the left operand again for every 128 columns of the right one.
 */
export function sumsOverRows(program: Program): Program {
  const before = [...program.outputs.values()];
  const users = new Map<Tensor, number>();
  for (const node of topologicalOrder(before))
    if (isSumOverRows(node)) for (const t of node.inputs) users.set(t!, (users.get(t!) ?? 0) + 1);
  const turned = new Map<Tensor, Tensor>();
  const outputs = rewrite(before, (node, inputs) => {
    if (!isSumOverRows(node)) return undefined;
    const [x, y] = inputs as [Tensor, Tensor];
    const [usesX, usesY] = node.inputs.map((t) => users.get(t!)!) as [number, number];
    const turnY = usesY > usesX || (usesY === usesX && sizeOf(y.shape) < sizeOf(x.shape));
    const of = (t: Tensor): Tensor => {
      const known = turned.get(t) ?? turn(t);
      turned.set(t, known);
      return known;
    };
    const alpha = node.attrs.alpha as number;
    return [turnY ? turn(matmul(of(y), x, { alpha })) : matmul(of(x), y, { alpha })];
  });
  const names = [...program.outputs.keys()];
  return { inputs: program.inputs, outputs: new Map(names.map((name, i) => [name, outputs[i]!])) };
}

function isSumOverRows({ op, inputs, attrs }: Node): boolean {
  const { transA, transB } = attrs;
  return op === Gemm && transA === 1 && transB !== 1 && !inputs[2] && inputs[0]!.shape[0]! >= ROWS;
}

/** [K,M] -> [M,K]. Between the reshapes ONNX Runtime does not merge the transposition into the product again. */
function turn(t: Tensor): Tensor {
  const [K, M] = t.shape as [number, number];
  return reshape(transpose(reshape(t, [1, K, M]), [2, 0, 1]), [M, K]);
}
