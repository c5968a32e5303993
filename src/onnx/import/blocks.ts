import type { Node, Tensor } from '../../graph/tensor.ts';
import { Add } from '../../ops/elementwise.ts';
import { Conv } from '../../ops/conv.ts';
import { Gather } from '../../ops/gather.ts';
import { Gemm, MatMul } from '../../ops/matmul.ts';
import { Reshape, Slice, Split, Transpose } from '../../ops/movement.ts';
import { ReduceMean } from '../../ops/reduce.ts';
import { Softmax } from '../../ops/softmax.ts';
import { joins, liveNodes } from './landmarks.ts';

/** A transformer's blocks: the residual stream after each, and its two branches where they are told apart. */
export interface Blocks {
  readonly tokens: readonly Tensor[];
  readonly mha: readonly Tensor[];
  readonly ffn: readonly Tensor[];
  readonly attention: readonly Tensor[];
}

/**
 * The longest chain of residual sums [B,N,D] of one shape, each adding a branch to the one before. Two sums make a block: one
 * whose branch has a softmax, then one whose branch has none.
 */
export function blocksOf(answer: Tensor, image: Tensor): Blocks | undefined {
  const order = liveNodes(answer, image);
  const live = new Set(order);
  let best: Tensor[] = [];
  const chains = new Map<Tensor, Tensor[]>();
  for (const node of order) {
    const sum = node.outputs[0]!;
    if (sum.shape.length !== 3 || sum.shape[0] !== image.shape[0] || !joins(sum, [Add], live)) continue;
    const before = node.inputs.map((t) => chains.get(t!)).find((chain) => chain && sameShape(chain[0]!, sum));
    const chain = [...(before ?? []), sum];
    chains.set(sum, chain);
    if (chain.length > best.length) best = chain;
  }
  if (best.length < 2) return undefined;
  const branches = best.map((sum, i) => branchOf(sum, best[i - 1], live));
  const pairs = best.length % 2 === 0 && branches.every(({ softmax }, i) => (softmax !== undefined) === (i % 2 === 0));
  const parallel = branches.every(({ softmax }) => softmax !== undefined);
  if (!pairs && !parallel) return undefined;
  const odd = <T>(list: readonly T[]) => list.filter((_, i) => i % 2 === 1);
  const outputs = branches.map(({ output }) => output);
  return {
    tokens: pairs ? odd(best) : best,
    mha: pairs ? outputs.filter((_, i) => i % 2 === 0) : [],
    ffn: pairs ? odd(outputs) : [],
    attention: branches.flatMap(({ softmax }) => (softmax ? [softmax] : [])),
  };
}

const sameShape = (a: Tensor, b: Tensor): boolean => a.shape.every((n, axis) => n === b.shape[axis]);

/** What a residual sum adds to `before` (the first sum: the operand with the softmax behind it), and the softmax in it. */
function branchOf(
  sum: Tensor,
  before: Tensor | undefined,
  live: ReadonlySet<Node>,
): { output: Tensor; softmax: Tensor | undefined } {
  const [a, b] = sum.node.inputs as readonly [Tensor, Tensor];
  if (before) {
    const output = a === before ? b : a;
    return { output, softmax: softmaxBehind(output, before, live) };
  }
  const shortcut = behind(a, b, live) ? b : a;
  const output = shortcut === a ? b : a;
  return { output, softmax: softmaxBehind(output, shortcut, live) };
}

function behind(from: Tensor, target: Tensor, live: ReadonlySet<Node>): boolean {
  return (
    walkBack(
      from,
      live,
      (t) => t === target,
      () => false,
    ) !== undefined
  );
}

function softmaxBehind(from: Tensor, end: Tensor, live: ReadonlySet<Node>): Tensor | undefined {
  return walkBack(
    from,
    live,
    (t) => t.node.op === Softmax,
    (t) => t === end,
  );
}

function walkBack(from: Tensor, live: ReadonlySet<Node>, wanted: (t: Tensor) => boolean, stop: (t: Tensor) => boolean) {
  const [stack, seen] = [[from], new Set<Tensor>()];
  while (stack.length > 0) {
    const t = stack.pop()!;
    if (seen.has(t) || stop(t) || !live.has(t.node)) continue;
    if (wanted(t)) return t;
    seen.add(t);
    for (const input of t.node.inputs) if (input) stack.push(input);
  }
  return undefined;
}

/** The input of the last linear layer: behind the answer's bias and reshapes, what is multiplied by the last weights. */
export function lastLinearInput(answer: Tensor, live: ReadonlySet<Node>): Tensor | undefined {
  let at = answer;
  for (let steps = 0; steps < 12; steps++) {
    const { op, inputs } = at.node;
    const [data, weight] = inputs;
    if (op === Gemm || op === MatMul || op === Conv) return data && weight && !live.has(weight.node) ? data : undefined;
    const next = inputs.filter((t) => t && live.has(t.node));
    if (next.length !== 1) return undefined;
    at = next[0]!;
  }
  return undefined;
}

const PICKS = new Set<object>([Slice, Gather, Reshape, Transpose, Split, ReduceMean]);

/** The tokens [B,N,D] that the pooled vector is picked from or is the mean of. */
export function tokensBehind(pooled: Tensor, like: Tensor): Tensor | undefined {
  let at = pooled;
  while (!(at.shape.length === 3 && sameShape(at, like))) {
    if (!PICKS.has(at.node.op) || !at.node.inputs[0]) return undefined;
    at = at.node.inputs[0];
  }
  return at;
}
