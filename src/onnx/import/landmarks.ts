import { Constant } from '../../graph/build.ts';
import type { Node, Tensor } from '../../graph/tensor.ts';
import { topologicalOrder } from '../../graph/walk.ts';
import { Add, Clip, HardSigmoid, Max, Min, Mul, Relu, Sigmoid, Softplus, Tanh } from '../../ops/elementwise.ts';
import { Gelu } from '../../ops/gelu.ts';

/** The nodes between the image and the answer, inputs first. */
export function liveNodes(answer: Tensor, image: Tensor): Node[] {
  const live = new Set<Node>([image.node]);
  const order = topologicalOrder([answer]).filter((node) => {
    if (node.inputs.some((t) => t && live.has(t.node))) live.add(node);
    return live.has(node);
  });
  return order;
}

/**
 * The values that every path from the image to the answer goes through: between blocks there is just one. In any order of
 * computation, such a value is the only one that is still needed at the moment when it is made.
 */
export function cutPoints(answer: Tensor, image: Tensor): Tensor[] {
  const order = liveNodes(answer, image);
  const place = new Map(order.map((node, i) => [node, i]));
  const lastUse = new Map<Tensor, number>([[answer, order.length]]);
  order.forEach((node, i) => {
    for (const t of node.inputs) if (t && place.has(t.node) && t !== answer) lastUse.set(t, i);
  });
  const ending = new Map<number, number>();
  for (const at of lastUse.values()) ending.set(at, (ending.get(at) ?? 0) + 1);
  let open = 0;
  return order.flatMap((node, i) => {
    const made = node.outputs.filter((t) => lastUse.has(t));
    open += made.length - (ending.get(i) ?? 0);
    return open === 1 && made.length === 1 ? made : [];
  });
}

const NONLINEAR = new Set<object>([Relu, Clip, Gelu, Sigmoid, Tanh, HardSigmoid, Softplus, Max, Min]);

/** What a feature is usually taken from: an activation function or a residual sum, not a convolution, a norm or a reordering. */
export function isActivation(tensor: Tensor, live: ReadonlySet<Node>): boolean {
  return NONLINEAR.has(tensor.node.op) || joins(tensor, [Add, Mul], live);
}

/** Whether a node of one of these operators has two operands that depend on the image. */
export function joins({ node }: Tensor, ops: readonly object[], live: ReadonlySet<Node>): boolean {
  return (
    ops.includes(node.op) && node.inputs.every((t) => t !== undefined && t.node.op !== Constant && live.has(t.node))
  );
}

/** How a value lies on the image: a map of either layout, or a list of tokens of which the first `prefix` are no patches. */
export interface Layout {
  readonly kind: 'maps' | 'mapsLast' | 'tokens';
  /** Side of the map. */
  readonly size: number;
  readonly channels: number;
  readonly prefix: number;
}

export function layoutOf({ shape }: Tensor, batch: number): Layout | undefined {
  const [B, a, b, c] = shape as [number, number, number, number];
  if (B !== batch) return undefined;
  if (shape.length === 4 && b === c && b > 1) return { kind: 'maps', size: b, channels: a, prefix: 0 };
  if (shape.length === 4 && a === b && a > 1) return { kind: 'mapsLast', size: a, channels: c, prefix: 0 };
  if (shape.length !== 3) return undefined;
  // None, a class token, a distillation token besides, a class token and four registers.
  for (const prefix of [0, 1, 2, 5]) {
    const size = Math.round(Math.sqrt(a - prefix));
    if (size > 1 && size * size === a - prefix) return { kind: 'tokens', size, channels: b, prefix };
  }
  return undefined;
}
