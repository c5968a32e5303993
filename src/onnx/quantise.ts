import { apply, apply1, constant, constantOf } from '../graph/build.ts';
import type { NdArray } from '../graph/ndArray.ts';
import { withLabel } from '../graph/scope.ts';
import type { Inputs, Node, Tensor } from '../graph/tensor.ts';
import { rewrite } from '../graph/walk.ts';
import { Conv } from '../ops/conv.ts';
import { add, cast, mul } from '../ops/elementwise.ts';
import { LONGEST, signedRows, turned, WIDENED } from '../ops/exactBytes.ts';
import { Gemm, MatMul } from '../ops/matmul.ts';
import { reshape } from '../ops/movement.ts';
import type { Program } from '../program/program.ts';
import { fixedTensors } from './fixed.ts';
import { DequantizeLinear, DynamicQuantizeLinear, MatMulInteger } from './quantiseOps.ts';

/**
 * The same program with 8-bit weights, one scale an output channel, in standard ONNX operators, within the bounds at which every
 * processor computes the same sums (`ops/exactBytes.ts`), since a file does not know where it will run. Linear layers quantise their
 * input at run time (one scale a tensor) and multiply integers. Convolutions have 8-bit weights and compute in float32: the
 * integer convolution is slower than that in the runtimes of the browser. So do products in batches of small weights, as those
 * of the few tokens that a classifier reads, one weight a head.
 * @param keep labels of nodes that stay float32.
 */
export function quantised(program: Program, keep: (label: string) => boolean): Program {
  const names = [...program.outputs.keys()];
  const fixed = fixedTensors(program);
  const inputs8 = new Map<Tensor, readonly Tensor[]>();
  const outputs = rewrite([...program.outputs.values()], (node, inputs) => {
    const weight = inputs[1] && constantOf(inputs[1]);
    if (weight?.dtype !== 'float32' || fixed.has(node.outputs[0]!) || keep(node.label)) return undefined;
    return withLabel(node.label, () => {
      if (node.op === Conv) return convolution(node, inputs, weight);
      if (node.op === MatMul && weight.shape.length > 2) return [apply1(MatMul, [inputs[0], widened(weight)])];
      return node.op === Gemm && plain(node) ? [product(node, inputs, weight, inputs8)] : undefined;
    });
  });
  return { inputs: program.inputs, outputs: new Map(names.map((name, i) => [name, outputs[i]!])) };
}

const plain = ({ attrs, inputs }: Node): boolean =>
  attrs.transA !== 1 && (attrs.alpha ?? 1) === 1 && (attrs.beta ?? 1) === 1 && inputs[0]!.shape[1]! <= LONGEST;

function product(node: Node, inputs: Inputs, weight: NdArray, inputs8: Map<Tensor, readonly Tensor[]>): Tensor {
  const x = inputs[0]!;
  // q, k and v read the same input: it is quantised once.
  const [x8, scale, zero] = inputs8.get(x) ?? apply(DynamicQuantizeLinear, [x]);
  inputs8.set(x, [x8!, scale!, zero!]);
  const { values, scales } = signedRows(node.attrs.transB === 1 ? weight : turned(weight));
  const sums = apply1(MatMulInteger, [x8!, constant(turned(values)), zero!]); // M N
  // The order of these products is the one that ONNX Runtime fuses into a single kernel.
  const y = mul(cast(sums, 'float32'), mul(scale!, constant(scales)));
  return inputs[2] ? add(y, inputs[2]) : y;
}

function convolution(node: Node, [x, , bias]: Inputs, weight: NdArray): readonly Tensor[] {
  const { values, scales } = signedRows(weight, { bound: WIDENED, keepSums: true });
  const wide = apply1(DequantizeLinear, [constant(values), constant(scales)], { axis: 0 });
  return apply(Conv, bias ? [x, wide, bias] : [x, wide], node.attrs);
}

/** Kept in 8 bits, [...,K,N] with a scale a row of N. */
function widened(weight: NdArray): Tensor {
  const N = weight.shape.at(-1)!;
  const { values, scales } = signedRows({ ...weight, shape: [weight.data.length / N, N] }, { bound: WIDENED });
  return reshape(apply1(DequantizeLinear, [constant(values), constant(scales)], { axis: 0 }), weight.shape);
}
