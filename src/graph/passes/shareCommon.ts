import { Constant, Input } from '../build.ts';
import type { NdArray } from '../ndArray.ts';
import type { Attrs, Node, Tensor } from '../tensor.ts';
import { rewrite } from '../walk.ts';

/** Constants up to this many elements are compared by value, larger ones by identity. */
const SMALL = 64;

/** Common subexpressions become one node: same operator, attributes and inputs. All operators are pure. */
export function shareCommon(outputs: readonly Tensor[]): Tensor[] {
  const ids = new Map<object, number>();
  const idOf = (thing: object): number => {
    const held = ids.get(thing);
    if (held !== undefined) return held;
    ids.set(thing, ids.size);
    return ids.size - 1;
  };
  const seen = new Map<string, readonly Tensor[]>();
  return rewrite(outputs, (node, inputs) => {
    const key = keyOf(node, inputs, idOf);
    const known = seen.get(key);
    if (known) return known;
    if (inputs.every((t, i) => t === node.inputs[i])) seen.set(key, node.outputs);
    else {
      const made: Tensor[] = [];
      const copy: Node = { ...node, inputs, outputs: made };
      for (const old of node.outputs) made.push({ ...old, node: copy });
      seen.set(key, made);
    }
    return seen.get(key);
  });
}

function keyOf(node: Node, inputs: readonly (Tensor | undefined)[], idOf: (thing: object) => number): string {
  if (node.op === Input) return `input ${attrsKey(node.attrs)}`;
  if (node.op === Constant) return constantKey(node.attrs.value as NdArray, idOf);
  const from = inputs.map((t) => (t ? `${idOf(t.node)}.${t.index}` : '-')).join(' ');
  return `${idOf(node.op)} ${from} ${attrsKey(node.attrs)}`;
}

function constantKey(value: NdArray, idOf: (thing: object) => number): string {
  const data =
    value.data.length <= SMALL
      ? Array.from(value.data, (x) => (Object.is(x, -0) ? '-0' : x)).join(',')
      : `#${idOf(value.data)}`;
  return `constant ${value.dtype} ${value.shape.join('x')} ${data}`;
}

function attrsKey(attrs: Attrs): string {
  return Object.keys(attrs)
    .sort()
    .map((key) => `${key}=${String(attrs[key])}`)
    .join(' ');
}
