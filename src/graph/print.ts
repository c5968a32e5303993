import { Constant, Input } from './build.ts';
import type { NdArray } from './ndArray.ts';
import { showShape } from './shape.ts';
import type { Node, Tensor } from './tensor.ts';
import { topologicalOrder } from './walk.ts';

/** The graph as text, one node a line, for snapshots and for people: `%3 = MatMul(%1, %2) [2,4]`. Constants stand inline. */
export function printGraph(outputs: readonly Tensor[]): string {
  const names = new Map<Node, string>();
  const nameOf = (t: Tensor): string => {
    const constant = t.node.op === Constant ? showConstant(t.node.attrs.value as NdArray) : undefined;
    return constant ?? `${names.get(t.node)}${t.node.outputs.length > 1 ? `.${t.index}` : ''}`;
  };
  const lines: string[] = [];
  for (const node of topologicalOrder(outputs)) {
    if (node.op === Constant) continue;
    names.set(node, node.op === Input ? `$${String(node.attrs.name)}` : `%${lines.length}`);
    if (node.op === Input) continue;
    const inputs = node.inputs.map((t) => (t ? nameOf(t) : '-')).join(', ');
    const attrs = Object.entries(node.attrs).map(
      ([key, value]) => ` ${key}=${Array.isArray(value) ? `[${value}]` : value}`,
    );
    const shapes = node.outputs.map((t) => showShape(t.shape)).join(' ');
    lines.push(`%${lines.length} = ${node.op.name}(${inputs})${attrs.join('')} ${shapes}`);
  }
  return [...lines, `return ${outputs.map(nameOf).join(', ')}`].join('\n');
}

function showConstant(value: NdArray): string {
  const data = Array.from(value.data);
  const shown = data.length > 6 ? `${data.slice(0, 4).join(',')},..` : data.join(',');
  return value.shape.length === 0 ? shown : `[${shown}]`;
}
