import type { Node, Tensor } from '../../graph/tensor.ts';
import { Conv } from '../../ops/conv.ts';
import { Add } from '../../ops/elementwise.ts';
import { FusedMatMul, Gemm, MatMul } from '../../ops/matmul.ts';
import { blocksOf } from '../import/blocks.ts';
import { cutPoints, joins, liveNodes } from '../import/landmarks.ts';

/**
 * How many layers lie above each parameter, for rates by layer. Our choice, to count as timm does: a residual block is a layer (of
 * a transformer both its sums), what comes before the first one is the stem, one layer below, what comes after the last one goes with it, and
 * the head is at the top. A network without residual sums has a layer for each product.
 */
export function layersAbove(
  answer: Tensor,
  image: Tensor,
  parameters: ReadonlyMap<Tensor, string>,
  isHead: (name: string) => boolean,
): Map<string, number> {
  const order = liveNodes(answer, image);
  const places = firstUses(order, parameters);
  const ends = boundaries(answer, image, order);
  const products = order.flatMap((node, i) => (isLayer(node, parameters) ? [i] : []));
  return new Map(
    [...places].map(([name, place]) => {
      if (isHead(name)) return [name, 0];
      if (ends.length > 0) return [name, Math.max(1, ends.length - ends.filter((end) => end < place).length)];
      return [name, Math.max(1, products.length - products.filter((at) => at <= place).length)];
    }),
  );
}

/** Places in the order of computation after which another layer begins: before the first residual block, and after each. */
function boundaries(answer: Tensor, image: Tensor, order: readonly Node[]): number[] {
  const live = new Set(order);
  const place = new Map(order.map((node, i) => [node, i]));
  const cuts = cutPoints(answer, image);
  const sums = cuts.filter((t) => joins(t, [Add], live));
  const start = cuts[cuts.indexOf(sums[0]!) - 1];
  if (sums.length < 2 || !start) return [];
  const blocks = blocksOf(answer, image)?.tokens ?? sums;
  return [start, ...blocks].map((t) => place.get(t.node)!);
}

/** The place of the first node that depends on the image and on a parameter, by the parameter's name. */
function firstUses(order: readonly Node[], parameters: ReadonlyMap<Tensor, string>): Map<string, number> {
  const live = new Set(order);
  const [found, seen] = [new Map<string, number>(), new Set<Tensor>()];
  order.forEach((node, place) => {
    const stack = node.inputs.filter((t) => t !== undefined && !live.has(t.node)) as Tensor[];
    for (let t = stack.pop(); t; t = stack.pop()) {
      if (seen.has(t)) continue;
      seen.add(t);
      const name = parameters.get(t);
      if (name !== undefined && !found.has(name)) found.set(name, place);
      for (const input of t.node.inputs) if (input) stack.push(input);
    }
  });
  return found;
}

/** The nodes where a network begins and ends, by label: the first product with weights, and those that read the head. */
export function outerLabels(
  answer: Tensor,
  image: Tensor,
  parameters: ReadonlyMap<Tensor, string>,
  head: { has(name: string): boolean },
): Set<string> {
  const order = liveNodes(answer, image).filter((node) => isLayer(node, parameters));
  const ofHead = new Map([...parameters].filter(([, name]) => head.has(name)));
  const last = order.filter((node) => isLayer(node, ofHead));
  return new Set([...order.slice(0, 1), ...last].map(({ label }) => label));
}

const isLayer = ({ op, inputs }: Node, parameters: ReadonlyMap<Tensor, string>): boolean =>
  [Conv, Gemm, MatMul, FusedMatMul].includes(op) && inputs.slice(0, 2).some((t) => t && weightBehind(t, parameters));

function weightBehind(t: Tensor, parameters: ReadonlyMap<Tensor, string>): boolean {
  let at: Tensor | undefined = t;
  for (let steps = 0; at && steps < 4; steps++) {
    if (parameters.has(at)) return true;
    at = at.node.inputs[0];
  }
  return false;
}
