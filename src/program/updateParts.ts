import { apply, Input, input, inputName, isInput } from '../graph/build.ts';
import type { Node, Tensor } from '../graph/tensor.ts';
import { rewrite, topologicalOrder } from '../graph/walk.ts';
import { closeProgram, type Program } from './program.ts';
import type { Vector } from './state.ts';

/** An update in parts, for micro-batches that are computed beside each other. */
export interface UpdateParts {
  /**
   * One micro-batch: `grad.X` of each trained vector, divided by the number of micro-batches, the loss and its terms, and at
   * `found.N` what the next values of running statistics are made of.
   */
  readonly gradient: Program;
  /** Takes a micro-batch's `found.N` into the vectors that hold running statistics; undefined where a step changes none. */
  readonly fold: Program | undefined;
  /** From the sums of the gradients at `grad.X`, and the folded vectors at `folded.X`, to the update and `gradNorm`. */
  readonly apply: Program;
}

/** A step as it is built, before its programs are closed. */
export interface BuiltStep {
  /** The loss, its terms, the weights of balanced ones. */
  readonly told: ReadonlyMap<string, Tensor>;
  /** The next values of the vectors that the forward pass changes, as `next.param.X`. */
  readonly changed: ReadonlyMap<string, Tensor>;
  readonly trained: readonly Vector[];
  readonly gradients: readonly Tensor[];
  readonly updateFrom: (
    gradients: readonly Tensor[],
    changed: ReadonlyMap<string, Tensor>,
  ) => ReadonlyMap<string, Tensor>;
}

export function updateParts({ told, changed, trained, gradients, updateFrom }: BuiltStep): UpdateParts {
  const { found, folded } = cutAtVectors(changed);
  const given = gradients.map((g, i): [string, Tensor] => [`grad.${trained[i]!.name}`, g]);
  const sums = trained.map(({ name, size }) => input(`grad.${name}`, [size]));
  const after = [...changed].map(([port, { shape }]) => [port, input(foldedPort(port), shape)] as const);
  return {
    gradient: closeProgram(new Map([...told, ...found, ...given])),
    fold: changed.size === 0 ? undefined : closeProgram(folded),
    apply: closeProgram(updateFrom(sums, new Map(after))),
  };
}

/** `next.param.X` as `apply` is given it. */
export const foldedPort = (port: string): string => port.replace(/^next\.param\./, 'folded.');

/**
 * Whether what a micro-batch computes depends on what the one before it has changed: then they must come one after the other.
 * Running statistics of batch normalisation are changed and not read.
 */
export function readsItsChanges(values: Iterable<Tensor>, changed: Iterable<Tensor>): boolean {
  const nodes = new Set(topologicalOrder([...values]));
  return [...changed].some(({ node }) => nodes.has(node));
}

/**
 * Cuts the next values of vectors in two: what depends on the vectors, and at `found.N` the rest, which a micro-batch finds by
 * itself. The first, run once for each micro-batch in their order, gives what they would have given one after the other.
 */
function cutAtVectors(changed: ReadonlyMap<string, Tensor>): {
  readonly found: ReadonlyMap<string, Tensor>;
  readonly folded: Map<string, Tensor>;
} {
  const ports = new Set([...changed.keys()].map((port) => port.replace(/^next\./, '')));
  const [dependent, computed] = [new Set<Node>(), new Set<Node>()];
  for (const node of topologicalOrder([...changed.values()])) {
    const own = isInput(node.outputs[0]!);
    const uses = (nodes: Set<Node>) => node.inputs.some((t) => t && nodes.has(t.node));
    if (own ? ports.has(inputName(node.outputs[0]!)) : uses(dependent)) dependent.add(node);
    else if (own || uses(computed)) computed.add(node);
  }
  const found = new Map<string, Tensor>();
  const stands = new Map<Tensor, Tensor>();
  const standIn = (tensor: Tensor): Tensor => {
    const known = stands.get(tensor);
    if (known) return known;
    const port = `found.${found.size}`;
    found.set(port, tensor);
    stands.set(tensor, input(port, tensor.shape, tensor.dtype));
    return stands.get(tensor)!;
  };
  const cut = (old: Tensor | undefined, renewed: Tensor | undefined) =>
    old && computed.has(old.node) ? standIn(old) : renewed;
  const values = rewrite([...changed.values()], (node, inputs) => {
    if (node.op === Input || !dependent.has(node)) return node.outputs;
    return apply(
      node.op,
      inputs.map((renewed, i) => cut(node.inputs[i], renewed)),
      node.attrs,
    );
  });
  return { found, folded: new Map([...changed.keys()].map((port, i) => [port, values[i]!])) };
}
