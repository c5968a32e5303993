import { Constant, Input } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';
import type { Program } from '../program/program.ts';

/** Tensors that no input reaches: constants and what is computed of them. A runtime computes these once, when it loads the file. */
export function fixedTensors(program: Program): ReadonlySet<Tensor> {
  const fixed = new Set<Tensor>();
  for (const { op, inputs, outputs } of topologicalOrder([...program.outputs.values()])) {
    const isFixed = op === Constant || (op !== Input && inputs.every((t) => t === undefined || fixed.has(t)));
    if (isFixed) for (const output of outputs) fixed.add(output);
  }
  return fixed;
}
