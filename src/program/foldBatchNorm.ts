import { apply1, constant, constantOf, floats } from '../graph/build.ts';
import type { NdArray } from '../graph/ndArray.ts';
import type { Inputs, Node, Tensor } from '../graph/tensor.ts';
import { rewrite } from '../graph/walk.ts';
import { Conv } from '../ops/conv.ts';
import { Reshape, Split } from '../ops/movement.ts';
import { BatchNormalization } from '../ops/norm.ts';

/** Frozen batch normalisations become part of the convolution before them: w gain, (b - mean) gain + shift. */
export function foldBatchNorm(outputs: readonly Tensor[]): Tensor[] {
  return rewrite(outputs, (node, inputs) => {
    if (node.op !== BatchNormalization || node.outputs.length > 1) return undefined;
    const before = inputs[0]!.node;
    const folded = before.op === Conv ? foldedConv(before, inputs, node) : undefined;
    return folded && [folded];
  });
}

function foldedConv(conv: Node, [, ...statistics]: Inputs, norm: Node): Tensor | undefined {
  const weight = weightOf(conv.inputs[1]!);
  const bias = conv.inputs[2] && weightOf(conv.inputs[2]);
  const [scale, shift, mean, variance] = statistics.map((t) => weightOf(t!));
  if (!weight || !scale || !shift || !mean || !variance || (conv.inputs[2] && !bias)) return undefined;
  const epsilon = (norm.attrs.epsilon as number | undefined) ?? 1e-5;
  const gain = Float64Array.from(scale.data, (g, c) => g / Math.sqrt(variance.data[c]! + epsilon));
  const inner = weight.data.length / gain.length;
  const scaled = Float32Array.from(weight.data, (w, i) => w * gain[Math.floor(i / inner)]!);
  const moved = Float32Array.from(gain, (g, c) => ((bias?.data[c] ?? 0) - mean.data[c]!) * g + shift.data[c]!);
  const inputs = [conv.inputs[0], constant({ ...weight, data: scaled }), floats([gain.length], moved)];
  return apply1(Conv, inputs, conv.attrs);
}

/** The value of a weight: a constant, or rows or another shape of one, without copying it. */
export function weightOf(tensor: Tensor): NdArray | undefined {
  const value = constantOf(tensor);
  if (value) return value;
  const { op, inputs, attrs, outputs } = tensor.node;
  const from = inputs[0] && weightOf(inputs[0]);
  if (!from || !('subarray' in from.data)) return undefined;
  if (op === Reshape) return { ...from, shape: tensor.shape };
  if (op !== Split || attrs.axis !== 0) return undefined;
  const rowSize = from.data.length / from.shape[0]!;
  const first = outputs.slice(0, tensor.index).reduce((sum, part) => sum + part.shape[0]!, 0) * rowSize;
  return {
    ...from,
    shape: tensor.shape,
    data: from.data.subarray(first, first + tensor.shape[0]! * rowSize),
  };
}
