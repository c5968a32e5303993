import { scalar } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { broadcastAxes, sizeOf } from '../graph/shape.ts';
import { located, withLabel } from '../graph/scope.ts';
import type { Node, Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';
import { add, isFloat } from '../ops/elementwise.ts';
import { expand } from '../ops/movement.ts';
import { sumTo } from '../ops/reduce.ts';

/**
 * The gradient of a scalar loss to each of `wrt`, as graph; zeros where the loss does not depend on it.
 * Reverse mode: one walk over the nodes from the loss backwards. It names no operator; broadcasting is undone here.
 * @throws BuildError where the loss is not a scalar or a node on the way has no derivative.
 */
export function grad(loss: Tensor, wrt: readonly Tensor[]): Tensor[] {
  if (sizeOf(loss.shape) !== 1) throw new BuildError(`grad: the loss must be one number, got [${loss.shape}]`);
  return vjp([loss], [expand(scalar(1, loss.dtype), loss.shape)], wrt);
}

/** The gradient of sum_i <outputs[i], cotangents[i]> to each of `wrt`. */
export function vjp(outputs: readonly Tensor[], cotangents: readonly Tensor[], wrt: readonly Tensor[]): Tensor[] {
  const order = topologicalOrder(outputs);
  const active = activeTensors(order, wrt);
  const gradients = new Map<Node, (Tensor | undefined)[]>();
  const accumulate = (tensor: Tensor, gradient: Tensor): void => {
    const held = gradients.get(tensor.node) ?? [];
    const before = held[tensor.index];
    held[tensor.index] = before ? add(before, gradient) : gradient;
    gradients.set(tensor.node, held);
  };
  outputs.forEach((output, i) => {
    if (active(output)) accumulate(output, cotangents[i]!);
  });
  for (const node of order.reverse()) {
    const dy = gradients.get(node);
    if (dy && node.inputs.some((t) => t && active(t)))
      withLabel(node.label, () => propagate(node, dy, active, accumulate));
  }
  return wrt.map(
    (tensor) => gradients.get(tensor.node)?.[tensor.index] ?? expand(scalar(0, tensor.dtype), tensor.shape),
  );
}

function propagate(
  node: Node,
  dy: readonly (Tensor | undefined)[],
  active: (tensor: Tensor) => boolean,
  accumulate: (tensor: Tensor, gradient: Tensor) => void,
): void {
  if (node.op.vjp === 'zero') return;
  if (node.op.vjp === 'none') throw new BuildError(located(`${node.op.name} has no derivative`));
  const wants = node.inputs.map((t) => t !== undefined && active(t));
  const gradients = node.op.vjp({ node, inputs: node.inputs, outputs: node.outputs, dy, wants });
  node.inputs.forEach((tensor, i) => {
    const gradient = gradients[i];
    if (tensor && wants[i] && gradient)
      accumulate(tensor, sumTo(gradient, tensor.shape, broadcastAxes(gradient.shape, tensor.shape)));
  });
}

/** Which tensors lie on a differentiable path from `wrt`. */
function activeTensors(order: readonly Node[], wrt: readonly Tensor[]): (tensor: Tensor) => boolean {
  const sources = new Set(wrt);
  const activeNodes = new Set<Node>();
  const active = (tensor: Tensor): boolean =>
    isFloat(tensor.dtype) && (sources.has(tensor) || activeNodes.has(tensor.node));
  for (const node of order)
    if (node.op.vjp !== 'zero' && node.inputs.some((t) => t && active(t))) activeNodes.add(node);
  return active;
}
