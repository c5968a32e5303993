import type { Node, Tensor } from './tensor.ts';

/** The nodes that the outputs need, inputs before users (depth first, in order of use: the same graph, the same order). */
export function topologicalOrder(outputs: readonly Tensor[]): Node[] {
  const order: Node[] = [];
  const done = new Set<Node>();
  const stack: { node: Node; next: number }[] = [];
  for (const output of outputs) {
    if (!done.has(output.node)) stack.push({ node: output.node, next: 0 });
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      if (done.has(top.node)) {
        stack.pop();
        continue;
      }
      const input = top.node.inputs[top.next];
      if (top.next < top.node.inputs.length) {
        top.next++;
        if (input && !done.has(input.node)) stack.push({ node: input.node, next: 0 });
      } else {
        done.add(top.node);
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}

/**
 * Rebuilds the graph behind `outputs`. `visit` gives the new outputs of a node from its new inputs, or undefined to keep
 * it (the very same node where no input changed).
 */
export function rewrite(
  outputs: readonly Tensor[],
  visit: (node: Node, inputs: readonly (Tensor | undefined)[]) => readonly Tensor[] | undefined,
): Tensor[] {
  const replaced = new Map<Node, readonly Tensor[]>();
  const renew = (tensor: Tensor): Tensor => replaced.get(tensor.node)![tensor.index]!;
  for (const node of topologicalOrder(outputs)) {
    const inputs = node.inputs.map((t) => t && renew(t));
    replaced.set(node, visit(node, inputs) ?? copyNode(node, inputs));
  }
  return outputs.map(renew);
}

function copyNode(node: Node, inputs: readonly (Tensor | undefined)[]): readonly Tensor[] {
  if (inputs.every((t, i) => t === node.inputs[i])) return node.outputs;
  const outputs: Tensor[] = [];
  const copy: Node = { ...node, inputs, outputs };
  for (const old of node.outputs) outputs.push({ ...old, node: copy });
  return outputs;
}
