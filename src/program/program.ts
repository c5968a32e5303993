import { inputName, isInput } from '../graph/build.ts';
import { internal } from '../graph/errors.ts';
import { foldConstants } from '../graph/passes/foldConstants.ts';
import { shareCommon } from '../graph/passes/shareCommon.ts';
import { rowSums } from './rowSums.ts';
import { simplify } from './simplify.ts';
import type { Tensor } from '../graph/tensor.ts';
import { topologicalOrder } from '../graph/walk.ts';

/** A closed computation: named ports in, named ports out. It is pure: the same inputs give the same outputs. */
export interface Program {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** Closes a graph: simplifies it and finds its input ports. Inputs that no output needs are not ports. */
export function closeProgram(outputs: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>): Program {
  const entries = [...(outputs instanceof Map ? outputs : Object.entries(outputs))] as [string, Tensor][];
  const folded = foldConstants(shareCommon(entries.map(([, tensor]) => tensor)));
  const tensors = shareCommon(foldConstants(simplify(rowSums(folded))));
  const inputs = new Map<string, Tensor>();
  for (const node of topologicalOrder(tensors)) {
    const tensor = node.outputs[0]!;
    if (!isInput(tensor)) continue;
    const held = inputs.get(inputName(tensor));
    if (held && held !== tensor) throw internal(`two inputs are named ${inputName(tensor)}`);
    inputs.set(inputName(tensor), tensor);
  }
  // ONNX has one name space: were such an output the input itself, ONNX Runtime would leave its target unwritten.
  for (const [name] of entries) if (inputs.has(name)) throw internal(`an input and an output are both named ${name}`);
  return { inputs, outputs: new Map(entries.map(([name], i) => [name, tensors[i]!])) };
}
