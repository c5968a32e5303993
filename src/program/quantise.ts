import { smallest } from '../graph/lists.ts';
import { apply1, constant, floats, isInput, scalar } from '../graph/build.ts';
import { internal } from '../graph/errors.ts';
import type { NdArray } from '../graph/ndArray.ts';
import { withLabel } from '../graph/scope.ts';
import { sameShape } from '../graph/shape.ts';
import type { Node, Tensor } from '../graph/tensor.ts';
import { rewrite, topologicalOrder } from '../graph/walk.ts';
import { Conv } from '../ops/conv.ts';
import { clip, Relu } from '../ops/elementwise.ts';
import { LONGEST, SIGNED, scaleForBias, signedRows, turned } from '../ops/exactBytes.ts';
import { dequantizeLinear, type Held, MatMulIntegerToFloat, QLinearConv, quantizeLinear } from '../ops/integer.ts';
import { FusedMatMul, Gemm, MatMul } from '../ops/matmul.ts';
import { Reshape, reshape, Transpose, transpose } from '../ops/movement.ts';
import { weightOf } from './foldBatchNorm.ts';

/** Smallest and largest value of an activation over the calibration images. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** A product of two activations: queries with keys, attention with values. */
interface PairSite {
  readonly node: Node;
  readonly weight: undefined;
  readonly result: undefined;
}

/** A product or convolution with a constant weight. */
interface WeightSite {
  readonly node: Node;
  readonly weight: NdArray;
  /** Float32 [N], or none. */
  readonly bias: NdArray | undefined;
  /** Where its result is held in 8 bits as well: that of the ReLU after a convolution, which then costs nothing. */
  readonly result: Tensor | undefined;
}

type Site = PairSite | WeightSite;

/** Fewer rows, columns or terms stay in float: they cost nothing. Our choice. */
const SMALLEST_PAIR = 16;

/**
 * The activations whose ranges `quantise` needs, in an order that depends on the graph alone and not on its batch size.
 * @param batch products with one row an image stay in float: they cost nothing, and the classifier is one of them
 */
export function calibrated(outputs: readonly Tensor[], batch: number): Tensor[] {
  const found = new Set<Tensor>();
  for (const { node, weight, result } of sitesOf(outputs, batch).values()) {
    found.add(node.inputs[0]!);
    if (!weight) found.add(node.inputs[1]!);
    if (result) found.add(result);
  }
  return [...found];
}

/**
 * The same graph with its products and convolutions in 8 bits: activations uint8 with one scale each, from the ranges of
 * `calibrated`, the right one of two int8; weights int8 with one scale an output channel; signed values in -64..64, so that no
 * processor's sums overflow (`ops/exactBytes.ts`). Static scales, so that what an image gives does not depend on the others in
 * its batch. Rounding as ONNX Runtime's quantised operators do it.
 */
export function quantise(outputs: readonly Tensor[], batch: number, ranges: readonly Range[]): Tensor[] {
  const sites = sitesOf(outputs, batch);
  const tensors = calibrated(outputs, batch);
  if (tensors.length !== ranges.length)
    throw internal(`${ranges.length} ranges for the ${tensors.length} activations of a graph in 8 bits`);
  const rangeOf = new Map(tensors.map((tensor, i) => [tensor, ranges[i]!]));
  const heldAs = (tensor: Tensor): Held => holdingOf(rangeOf.get(tensor)!);
  /** By float tensor of the new graph: the same in 8 bits. */
  const eightBit = new Map<Tensor, { readonly value: Tensor; readonly as: Held }>();
  const toEightBit = (before: Tensor, now: Tensor) => {
    const known = eightBit.get(now);
    if (known) return known;
    const as = heldAs(before);
    const made = { value: inEightBits(now, as), as };
    eightBit.set(now, made);
    return made;
  };
  return rewrite(outputs, (node, inputs) => {
    const site = sites.get(node);
    if (!site) return absorbsRelu(node, sites) ? [inputs[0]!] : undefined;
    return withLabel(node.label, () => {
      const { value, as } = toEightBit(node.inputs[0]!, inputs[0]!);
      if (!site.weight) return [integerPair(node, value, as, inputs[1]!, signedHolding(rangeOf.get(node.inputs[1]!)!))];
      if (!site.result) return [integerProduct(site, value, as)];
      const resultAs = heldAs(site.result);
      const result = integerConv(site, value, as, resultAs);
      const float = dequantizeLinear(result, resultAs);
      eightBit.set(float, { value: result, as: resultAs });
      return [float];
    });
  });
}

const absorbsRelu = (node: Node, sites: ReadonlyMap<Node, Site>): boolean =>
  node.op === Relu && sites.get(node.inputs[0]!.node)?.result === node.outputs[0];

function sitesOf(outputs: readonly Tensor[], batch: number): Map<Node, Site> {
  const nodes = topologicalOrder(outputs);
  const users = new Map<Tensor, Node[]>();
  for (const node of nodes) for (const t of node.inputs) if (t) users.set(t, [...(users.get(t) ?? []), node]);
  const sites = new Map<Node, Site>();
  const computed = new Set<Node>();
  for (const node of nodes) {
    if (isInput(node.outputs[0]!) || node.inputs.some((t) => t && computed.has(t.node))) computed.add(node);
    if (isPair(node) && node.inputs.every((t) => computed.has(t!.node))) {
      sites.set(node, { node, weight: undefined, result: undefined });
      continue;
    }
    const site = siteAt(node, batch, (t) => (outputs.includes(t) ? [] : (users.get(t) ?? [])));
    if (site) sites.set(node, site);
  }
  return sites;
}

function siteAt(node: Node, batch: number, usersOf: (t: Tensor) => readonly Node[]): WeightSite | undefined {
  const { op, inputs, attrs, outputs } = node;
  if (op !== Gemm && op !== MatMul && op !== Conv) return undefined;
  const [weight, bias] = [weightOf(inputs[1]!), inputs[2] && weightOf(inputs[2])];
  if (!weight || weightOf(inputs[0]!) || (inputs[2] && !bias)) return undefined;
  const plain = { node, weight, bias, result: undefined };
  const y = outputs[0]!;
  if (weight.data.length / y.shape[op === Conv ? 1 : y.shape.length - 1]! > LONGEST) return undefined;
  if (op === Conv) {
    const after = usersOf(y);
    const relu = after.length === 1 && after[0]!.op === Relu ? after[0]!.outputs[0]! : undefined;
    return { ...plain, result: relu ?? y };
  }
  if (weight.shape.length !== 2 || (y.shape[0] === batch && y.shape.length === 2)) return undefined;
  if (op === MatMul) return plain;
  const { transA, alpha = 1, beta = 1 } = attrs;
  const simple = transA !== 1 && alpha === 1 && beta === 1 && (!bias || bias.data.length === y.shape[1]);
  return simple ? plain : undefined;
}

/** A product in batches of large enough matrices, none a few rows alone. It is for 8 bits where both sides come from the pixels. */
function isPair({ op, inputs, attrs }: Node): boolean {
  if ((op !== MatMul && op !== FusedMatMul) || attrs.transA === 1) return false;
  const [a, b] = inputs as [Tensor, Tensor];
  if (a.shape.length < 3 || a.shape.length !== b.shape.length) return false;
  const extents = [...a.shape.slice(-2), ...b.shape.slice(-2)];
  if (!sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2)) || !extents.every((n) => n >= SMALLEST_PAIR)) return false;
  if (a.shape.at(-1)! > LONGEST) return false;
  // The few queries of a last block, all heads of a class token, against all tokens.
  return 2 * a.shape.at(-2)! >= smallest(extents.slice(1));
}

/** x in 8 bits. What only moves values is done after rounding, on a quarter of the bytes. */
function inEightBits(x: Tensor, as: Held): Tensor {
  const { op, inputs, attrs } = x.node;
  if (op === Reshape) return reshape(inEightBits(inputs[0]!, as), x.shape);
  if (op === Transpose) return transpose(inEightBits(inputs[0]!, as), attrs.perm as readonly number[]);
  const value = quantizeLinear(x, as);
  // What lies beyond the range of calibration is held at its end, as the unsigned side does by itself.
  return value.dtype === 'int8' ? clip(value, -SIGNED, SIGNED) : value;
}

function integerPair({ attrs }: Node, a: Tensor, as: Held, right: Tensor, rightAs: Held): Tensor {
  const b = inEightBits(right, rightAs);
  const axes = b.shape.map((_, axis) => axis);
  const turned = attrs.transB === 1 ? transpose(b, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]) : b;
  const alpha = (attrs.alpha as number | undefined) ?? 1;
  const scale = scalar(Math.fround(alpha * Number((as.scale.node.attrs.value as NdArray).data[0])));
  return apply1(MatMulIntegerToFloat, [a, turned, scale, rightAs.scale, as.zero]);
}

/** Symmetric int8 in -64..64. */
function signedHolding({ min, max }: Range): Held {
  const largest = Math.max(Math.abs(min), Math.abs(max));
  return { scale: scalar(Math.fround(largest > 0 ? largest / SIGNED : 1)), zero: scalar(0, 'int8') };
}

/** Asymmetric uint8 that holds 0 exactly. */
function holdingOf({ min, max }: Range): Held {
  const [low, high] = [Math.min(0, min), Math.max(0, max)];
  const scale = Math.fround(high > low ? (high - low) / 255 : 1);
  const zero = Math.max(0, Math.min(255, Math.round(-low / scale)));
  return { scale: scalar(scale), zero: scalar(zero, 'uint8') };
}

function integerProduct({ node, weight, bias }: WeightSite, x: Tensor, as: Held): Tensor {
  const isRows = node.op === Gemm && node.attrs.transB === 1;
  const { values, scales } = signedRows(isRows ? weight : turned(weight));
  const inputs = [x, constant(turned(values)), as.scale, constant(scales), as.zero];
  return apply1(MatMulIntegerToFloat, bias ? [...inputs, undefined, floats(scales.shape, bias.data)] : inputs);
}

function integerConv({ node, weight, bias }: WeightSite, x: Tensor, as: Held, result: Held): Tensor {
  const O = weight.shape[0]!;
  const unit = (as.scale.node.attrs.value as NdArray).data[0]!;
  const biasOf = (channel: number) => bias?.data[channel] ?? 0;
  const least = (channel: number) => scaleForBias(biasOf(channel), unit);
  const { values, scales } = signedRows(weight, { least, keepSums: true });
  const shift = Int32Array.from(scales.data, (scale, channel) => Math.round(biasOf(channel) / (scale * unit)));
  return apply1(
    QLinearConv,
    [
      x,
      as.scale,
      as.zero,
      constant(values),
      constant(scales),
      constant({ dtype: 'int8', shape: [O], data: new Int8Array(O) }),
      result.scale,
      result.zero,
      constant({ dtype: 'int32', shape: [O], data: shift }),
    ],
    node.attrs,
  );
}
