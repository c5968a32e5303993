import { append } from '../../graph/lists.ts';
import type { NodeProto, TensorProto } from '../generated/onnx_pb.ts';
import { operatorKey, type OnnxFile } from '../import/onnxFile.ts';

/** A tensor of the file that may be a weight: an initialiser, or the value of a Constant node. */
export interface Held {
  readonly name: string;
  readonly proto: TensorProto;
}

/** Where something that does not depend on the image meets what does. */
export interface Meeting {
  readonly node: NodeProto;
  readonly key: string;
  readonly slot: number;
  /** The other operand is what is made of the image before the first layer with weights. */
  readonly prepares: boolean;
}

/** The graph of a file as names: what depends on the image, and where constants meet it. */
export interface Usage {
  readonly held: ReadonlyMap<string, Held>;
  readonly producers: ReadonlyMap<string, NodeProto>;
  readonly consumers: ReadonlyMap<string, readonly NodeProto[]>;
  /** Nodes that the output needs. */
  readonly needed: ReadonlySet<NodeProto>;
  isLive(name: string): boolean;
  meetings(name: string): readonly Meeting[];
}

/** float32, float16, float64 and bfloat16 by the standard's numbers. */
const FLOATS = new Set([1, 10, 11, 16]);

/** They read an extent, not values. */
const SHAPES = new Set(['Shape', 'Size']);

/** Layers whose operands are weights: the first of them ends what prepares the image. */
export const PRODUCTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1],
  ConvTranspose: [1],
  Gemm: [0, 1],
  MatMul: [0, 1],
  'com.microsoft::FusedMatMul': [0, 1],
  Einsum: [0, 1],
};

export function usageOf(file: OnnxFile, output: string): Usage {
  const { node, initializer, input } = file.graph;
  const producers = new Map(node.flatMap((one) => one.output.map((name) => [name, one] as const)));
  const consumers = new Map<string, NodeProto[]>();
  for (const one of node)
    for (const name of new Set(one.input)) consumers.set(name, [...(consumers.get(name) ?? []), one]);
  const initial = new Set(initializer.map(({ name }) => name ?? ''));
  const image = input.map(({ name }) => name ?? '').filter((name) => !initial.has(name));
  const live = reached(image, consumers, ({ opType }) => !SHAPES.has(opType ?? ''));
  const after = processed(node, live, consumers);
  const needed = neededBy(output, producers);
  return {
    held: heldIn(file),
    producers,
    consumers,
    needed,
    isLive: (name) => live.has(name),
    meetings: (name) => meetingsOf(name, consumers, needed, live, after),
  };
}

/** Float tensors of the main graph by the name of the value. */
function heldIn({ graph }: OnnxFile): Map<string, Held> {
  const constants = graph.node.flatMap(({ opType, output, attribute }) => {
    const proto = opType === 'Constant' ? attribute.find(({ name }) => name === 'value')?.t : undefined;
    return proto ? [{ name: output[0] ?? '', proto }] : [];
  });
  const all = [...graph.initializer.map((proto) => ({ name: proto.name ?? '', proto })), ...constants];
  return new Map(all.filter(({ proto }) => FLOATS.has(proto.dataType ?? 0)).map((one) => [one.name, one]));
}

/** All values that come of some, through the nodes that let them pass. */
function reached(
  from: readonly string[],
  consumers: ReadonlyMap<string, readonly NodeProto[]>,
  passes: (node: NodeProto) => boolean,
): Set<string> {
  const [found, stack] = [new Set(from), [...from]];
  for (let name = stack.pop(); name !== undefined; name = stack.pop())
    for (const node of (consumers.get(name) ?? []).filter(passes))
      for (const output of node.output)
        if (output !== '' && !found.has(output)) {
          found.add(output);
          stack.push(output);
        }
  return found;
}

/** What comes of the image after the first layer with weights. */
function processed(
  nodes: readonly NodeProto[],
  live: ReadonlySet<string>,
  consumers: ReadonlyMap<string, readonly NodeProto[]>,
): Set<string> {
  const layers = nodes.filter(
    ({ domain, opType, input, output }) =>
      Object.hasOwn(PRODUCTS, operatorKey(domain, opType)) &&
      live.has(output[0] ?? '') &&
      !input.every((one) => live.has(one)),
  );
  const outputs = layers.flatMap(({ output }) => output);
  return reached(outputs, consumers, ({ opType }) => !SHAPES.has(opType ?? ''));
}

function neededBy(output: string, producers: ReadonlyMap<string, NodeProto>): Set<NodeProto> {
  const [found, stack] = [new Set<NodeProto>(), [output]];
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    const node = producers.get(name);
    if (!node || found.has(node)) continue;
    found.add(node);
    append(stack, node.input);
  }
  return found;
}

/** Follows a value that does not depend on the image, through all that is computed of such values. */
function meetingsOf(
  name: string,
  consumers: ReadonlyMap<string, readonly NodeProto[]>,
  needed: ReadonlySet<NodeProto>,
  live: ReadonlySet<string>,
  after: ReadonlySet<string>,
): Meeting[] {
  const [found, seen, stack]: [Meeting[], Set<string>, string[]] = [[], new Set([name]), [name]];
  for (let at = stack.pop(); at !== undefined; at = stack.pop())
    for (const node of consumers.get(at) ?? []) {
      if (!needed.has(node) || SHAPES.has(node.opType ?? '')) continue;
      const others = node.input.filter((one) => live.has(one));
      if (others.length > 0) {
        const prepares = !others.some((one) => after.has(one));
        const key = operatorKey(node.domain, node.opType, node.overload);
        for (const [slot, one] of node.input.entries()) if (one === at) found.push({ node, key, slot, prepares });
        continue;
      }
      for (const output of node.output) if (!seen.has(output)) stack.push(output);
      for (const output of node.output) seen.add(output);
    }
  return found;
}
