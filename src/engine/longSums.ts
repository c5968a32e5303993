import { sizeOf } from '../graph/shape.ts';
import type { Node, Op, Tensor } from '../graph/tensor.ts';
import { rewrite } from '../graph/walk.ts';
import { div } from '../ops/elementwise.ts';
import { reshape } from '../ops/movement.ts';
import { ReduceMean, ReduceSum, ReduceSumSquare, reduceSum, reduceSumSquare } from '../ops/reduce.ts';
import type { Program } from '../program/program.ts';

/** From how many values on a sum is made in parts. */
const LONG = 1024;

/** How the parts are made; they are added, and of a mean divided. */
const PARTS: ReadonlyMap<Op, typeof reduceSum> = new Map([
  [ReduceSum, reduceSum],
  [ReduceMean, reduceSum],
  [ReduceSumSquare, reduceSumSquare],
]);

/**
 * The same program with long sums over whole tensors in two parts. WebAssembly's kernels add one value after the other, which of
 * 200,000 values of one sign loses 3e-5 of the sum; in parts of its square root's length it is 3e-6 at most. The kernels of Node
 * add in parts by themselves.
 */
export function longSums(program: Program): Program {
  const outputs = rewrite([...program.outputs.values()], (node, inputs) => {
    const parts = partsOf(node);
    if (parts === 1) return undefined;
    const [x] = inputs as [Tensor];
    const count = sizeOf(x.shape);
    const sum = reduceSum(PARTS.get(node.op)!(reshape(x, [parts, count / parts]), { axes: [1] }));
    return [reshape(node.op === ReduceMean ? div(sum, count) : sum, node.outputs[0]!.shape)];
  });
  return {
    inputs: program.inputs,
    outputs: new Map([...program.outputs.keys()].map((name, i) => [name, outputs[i]!])),
  };
}

/** The divisor of the count that is next to its square root; 1 where a sum stays as it is. */
function partsOf({ op, inputs, outputs }: Node): number {
  const count = inputs[0] ? sizeOf(inputs[0].shape) : 0;
  if (!PARTS.has(op) || count < LONG || sizeOf(outputs[0]!.shape) !== 1) return 1;
  let parts = Math.floor(Math.sqrt(count));
  while (count % parts !== 0) parts--;
  return parts;
}
