import { Constant } from '../../graph/build.ts';
import { BuildError } from '../../graph/errors.ts';
import { showShape, sizeOf } from '../../graph/shape.ts';
import type { Node, Tensor } from '../../graph/tensor.ts';
import { topologicalOrder } from '../../graph/walk.ts';

/*
 * What one import may ask for, over the whole file: a limit on each value does not help against a file that has thousands of
 * them, each twice as large as the one before. All numbers are our choice: several times what the largest published
 * classifiers need, and a few hundred megabytes.
 */

/** Elements of constants that are made on the host (shapes, masks, tables), beyond twice the weights that the file holds. */
const MADE = 2 ** 24;
/** Elements of constants that are left to the engine to compute, beyond 16 times the file's weights. */
const LEFT = 2 ** 26;
/** Elements of activations that are needed at one time for one image: a giant ViT at 560 px has 1.4e8. */
const ACTIVE = 3 * 2 ** 26;
/** Nodes that the file's become. */
const NODES = 400_000;

/** A file that asks for too much is read no further. */
export class OverBudget extends BuildError {}

export class Budget {
  #given = 0;
  #made = 0;
  #left = 0;
  readonly #seen = new Set<Node>();
  /** Nodes that depend on the image. */
  readonly #live = new Set<Node>();
  readonly #batch: number;

  /** `batch`: rows that the image has; the budget is for one. */
  constructor(batch: number) {
    this.#batch = batch;
  }

  /** Weights that lie in the file. */
  given(elements: number): void {
    this.#given += elements;
  }

  /** To be asked before a constant of this shape is made. @throws OverBudget if it is too much. */
  make(shape: readonly number[]): number {
    const size = sizeOf(shape);
    const whole = shape.every((n) => Number.isSafeInteger(n) && n >= 0);
    this.#made += whole ? size : Infinity;
    if (this.#made > MADE + 2 * this.#given)
      throw new OverBudget(
        `a constant of ${showShape(shape)} cannot be made; wanted at most ${MADE} elements in all constants that are computed`,
      );
    return size;
  }

  /** Whether as many elements may be made still. */
  allows(elements: number): boolean {
    return this.#made + elements <= MADE + 2 * this.#given;
  }

  /** Looks at what a rule has built: `live` are the tensors it depends on that depend on the image. */
  built(results: readonly Tensor[], live: ReadonlySet<Tensor>): void {
    const stack = results.map(({ node }) => node);
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const before = node.inputs.flatMap((t) => (t && !live.has(t) && !this.#seen.has(t.node) ? [t.node] : []));
      if (before.length > 0 && !this.#seen.has(node)) {
        for (const one of before) stack.push(one);
        continue;
      }
      stack.pop();
      if (!this.#seen.has(node)) this.#look(node, live);
    }
  }

  #look(node: Node, live: ReadonlySet<Tensor>): void {
    this.#seen.add(node);
    if (this.#seen.size > NODES) throw new OverBudget(`more than ${NODES} nodes`);
    if (node.op === Constant) return;
    const isLive = node.inputs.some((t) => t && (live.has(t) || this.#live.has(t.node)));
    if (isLive) this.#live.add(node);
    for (const { shape } of node.outputs) {
      const size = sizeOf(shape) / (isLive ? this.#batch : 1);
      if (!isLive) this.#left += size;
      if (isLive ? size > ACTIVE : this.#left > LEFT + 16 * this.#given)
        throw new OverBudget(
          isLive
            ? `an activation of ${showShape(shape)} for ${this.#batch} images; wanted at most ${ACTIVE} elements an image`
            : `a constant of ${showShape(shape)}, and ${this.#left} elements in all; wanted at most ${LEFT} in constants that are computed`,
        );
    }
  }

  /** @throws OverBudget if the activations that are needed at one time are too many, each freed after its last use. */
  checkActivations(outputs: readonly Tensor[]): void {
    const order = topologicalOrder(outputs);
    const last = new Map<Node, number>();
    order.forEach((node, i) => {
      for (const t of node.inputs) if (t) last.set(t.node, i);
    });
    const freed = new Map<number, Node[]>();
    for (const [node, i] of last) freed.set(i, [...(freed.get(i) ?? []), node]);
    let held = 0;
    order.forEach((node, i) => {
      held += this.#activations(node);
      if (held > ACTIVE)
        throw new OverBudget(
          `${node.label || node.op.name}: ${Math.round(held)} elements of activations are needed at one time for one image; wanted at most ${ACTIVE}`,
        );
      for (const one of freed.get(i) ?? []) held -= this.#activations(one);
    });
  }

  #activations(node: Node): number {
    if (!this.#live.has(node)) return 0;
    return node.outputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0) / this.#batch;
  }
}
