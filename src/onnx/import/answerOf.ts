import { constantOf } from '../../graph/build.ts';
import { sizeOf } from '../../graph/shape.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { Conv } from '../../ops/conv.ts';
import { Add, Cast, Identity, Sigmoid } from '../../ops/elementwise.ts';
import { FusedMatMul, Gemm, MatMul } from '../../ops/matmul.ts';
import { Reshape, reshape } from '../../ops/movement.ts';
import { Softmax } from '../../ops/softmax.ts';

/** What an image classifier's output is. */
export interface Answer {
  /** [B,K] */
  readonly logits: Tensor;
  /** The output was this function of the logits. */
  readonly through: 'softmax' | 'sigmoid' | undefined;
  /** It ends in a product, whose values have no bounds: logits, whatever they are on some images. Else only its values can tell. */
  readonly isProduct: boolean;
}

/** Reads an output [B,K,...] with as many values: what only moves or keeps them stands between it and the node that made it. */
export function answerOf(output: Tensor): Answer {
  const [B, K] = output.shape as [number, number];
  const made = behindMoves(output);
  const { op, inputs, attrs } = made.node;
  const flat = (x: Tensor) => reshape(x, [B, K]);
  if (op === Softmax) {
    // Over the classes alone: all other extents are 1, but for the batch.
    const [x, axis] = [inputs[0]!, attrs.axis as number];
    if (x.shape[0] === B && axis > 0 && x.shape[axis] === K && sizeOf(x.shape) === B * K)
      return { logits: flat(x), through: 'softmax', isProduct: true };
  }
  if (op === Sigmoid && made.shape[0] === B && K > 1)
    return { logits: flat(inputs[0]!), through: 'sigmoid', isProduct: true };
  return { logits: flat(output), through: undefined, isProduct: isProduct(made) };
}

/** What a value is but for where it stands. */
export function behindMoves(x: Tensor): Tensor {
  let at = x;
  while ([Reshape, Identity].includes(at.node.op) || (at.node.op === Cast && at.node.inputs[0]!.dtype === at.dtype))
    at = at.node.inputs[0]!;
  return at;
}

function isProduct(x: Tensor): boolean {
  const { op, inputs } = x.node;
  if ([Gemm, MatMul, FusedMatMul, Conv].includes(op)) return true;
  // With a bias of its own.
  if (op !== Add) return false;
  const terms = inputs.filter((one) => !constantOf(one!));
  return terms.length === 1 && isProduct(behindMoves(terms[0]!));
}
