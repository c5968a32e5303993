import { isInput } from '../../graph/build.ts';
import { sizeOf } from '../../graph/shape.ts';
import type { Node, Tensor } from '../../graph/tensor.ts';
import { topologicalOrder } from '../../graph/walk.ts';
import { Conv } from '../../ops/conv.ts';
import { FusedMatMul, Gemm, MatMul } from '../../ops/matmul.ts';

/**
 * Multiply-accumulates of the products behind `outputs`: convolutions and matrix products, counted from their shapes. What does
 * not depend on the input `pixels` is computed once and does not count.
 */
export function countMacs(outputs: readonly Tensor[], pixels: Tensor): number {
  const depends = new Set<Node>([pixels.node]);
  let total = 0;
  for (const node of topologicalOrder(outputs)) {
    if (node === pixels.node || isInput(node.outputs[0]!) || !node.inputs.some((t) => t && depends.has(t.node)))
      continue;
    depends.add(node);
    total += macsOf(node);
  }
  return total;
}

function macsOf({ op, inputs, outputs, attrs }: Node): number {
  const out = sizeOf(outputs[0]!.shape);
  // Weight [O, C/group, kh, kw]: each output sums over the last three.
  if (op === Conv) return out * sizeOf(inputs[1]!.shape.slice(1));
  if (op === MatMul || op === FusedMatMul || op === Gemm)
    return out * inputs[0]!.shape.at(attrs.transA === 1 ? -2 : -1)!;
  return 0;
}
