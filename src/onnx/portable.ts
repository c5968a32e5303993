import type { Program } from '../program/program.ts';
import { closeProgram } from '../program/program.ts';
import { rewrite } from '../graph/walk.ts';
import { withLabel } from '../graph/scope.ts';
import type { Tensor } from '../graph/tensor.ts';
import { mul } from '../ops/elementwise.ts';
import { FusedMatMul, matmul } from '../ops/matmul.ts';
import { transpose } from '../ops/movement.ts';

/** The same program in standard ONNX operators only, for runtimes other than ONNX Runtime: FusedMatMul is spelled out. */
export function portable(program: Program): Program {
  const names = [...program.outputs.keys()];
  const outputs = rewrite([...program.outputs.values()], (node, inputs) => {
    if (node.op !== FusedMatMul) return undefined;
    return withLabel(node.label, () => {
      const [a, b] = [turned(inputs[0]!, node.attrs.transA === 1), turned(inputs[1]!, node.attrs.transB === 1)];
      return [mul(matmul(a, b), node.attrs.alpha as number)];
    });
  });
  return closeProgram(new Map(names.map((name, i) => [name, outputs[i]!])));
}

function turned(x: Tensor, flip: boolean): Tensor {
  const rank = x.shape.length;
  const perm = x.shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  return flip ? transpose(x, perm) : x;
}
