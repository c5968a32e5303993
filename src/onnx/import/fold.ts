import { Constant, constant } from '../../graph/build.ts';
import { BuildError } from '../../graph/errors.ts';
import type { NdArray } from '../../graph/ndArray.ts';
import { sizeOf } from '../../graph/shape.ts';
import type { Node, Tensor } from '../../graph/tensor.ts';
import { topologicalOrder } from '../../graph/walk.ts';
import { isFloat } from '../../ops/elementwise.ts';
import type { Budget } from './budget.ts';

/** Larger floats stay nodes: ONNX Runtime folds weights faster than the host does. */
const FLOATS = 1 << 16;
const WHOLES = 1 << 20;

/** Computes on the host what does not depend on the image, above all the arithmetic of shapes. One for each import. */
export class Folder {
  readonly #budget: Budget;
  /** Depend on an input, and so does what is computed from them: a long chain of them is walked once. */
  readonly #varying = new Set<Node>();
  /** Floats that were left as nodes for their size, and floats computed from them. */
  readonly #large = new Set<Node>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** The tensor as a constant. It stays as it is where it is large, and where it depends on an input. */
  fold(tensor: Tensor): Tensor {
    if (tensor.node.op === Constant) return tensor;
    const whole = !isFloat(tensor.dtype);
    const stays = this.#reached(tensor, whole);
    if (stays) return this.#left(tensor, stays);
    const order = topologicalOrder([tensor]);
    if (order.some((node) => node.inputs.length === 0 && node.op !== Constant))
      return this.#left(tensor, this.#varying);
    const computed = order.filter((node) => node.op !== Constant).flatMap((node) => node.outputs);
    const size = computed.reduce((sum, t) => sum + sizeOf(t.shape), 0);
    const limit = whole ? WHOLES : FLOATS;
    if (this.#budget.allows(size) && computed.every((t) => sizeOf(t.shape) <= limit)) {
      this.#budget.make([size]);
      return constant(stored(evaluated(tensor, order)));
    }
    if (!whole) return this.#left(tensor, this.#large);
    throw new BuildError(`a constant of ${sizeOf(tensor.shape)} integers is too large to be computed here`);
  }

  #left(tensor: Tensor, stays: Set<Node>): Tensor {
    stays.add(tensor.node);
    return tensor;
  }

  /** What of that which stayed as it was this is computed from. Integers are wanted even of large floats (masks of windows). */
  #reached(tensor: Tensor, whole: boolean): Set<Node> | undefined {
    const [stack, seen] = [[tensor.node], new Set<Node>()];
    for (let node = stack.pop(); node; node = stack.pop()) {
      if (this.#varying.has(node)) return this.#varying;
      if (!whole && this.#large.has(node)) return this.#large;
      if (seen.has(node)) continue;
      seen.add(node);
      for (const t of node.inputs) if (t) stack.push(t.node);
    }
    return undefined;
  }
}

function evaluated(tensor: Tensor, order: readonly Node[]): NdArray {
  const values = new Map<Node, readonly NdArray[]>();
  for (const node of order) {
    const inputs = node.inputs.map((t) => t && values.get(t.node)![t.index]!);
    values.set(node, node.op === Constant ? [node.attrs.value as NdArray] : node.op.reference(inputs, node));
  }
  return values.get(tensor.node)![tensor.index]!;
}

/** float32 as any engine would have it; integers that are none are a fault of the file. */
function stored({ dtype, shape, data }: NdArray): NdArray {
  if (isFloat(dtype)) return { dtype, shape, data: Float32Array.from(data) };
  for (let i = 0; i < data.length; i++)
    if (!Number.isSafeInteger(data[i]!)) throw new BuildError(`an integer constant comes to ${data[i]}`);
  return { dtype, shape, data };
}
