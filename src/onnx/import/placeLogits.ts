import { apply1, constantValue } from '../../graph/build.ts';
import { normaliseAxes, sizeOf } from '../../graph/shape.ts';
import type { Node, Tensor } from '../../graph/tensor.ts';
import { Add } from '../../ops/elementwise.ts';
import { Gemm, MatMul } from '../../ops/matmul.ts';
import { reshape, transpose } from '../../ops/movement.ts';
import { ReduceMean } from '../../ops/reduce.ts';
import { behindMoves } from './answerOf.ts';
import { liveNodes } from './landmarks.ts';

/**
 * A CNN's answer at every place of its last map, [B,h,w,K]: its classifier put before the average pooling. Undefined where anything
 * but one linear layer stands behind the pooling (MobileNet v3's two, ConvNeXt's LayerNorm): the answers' mean would not be the
 * answer.
 */
export function placeLogitsOf(logits: Tensor, image: Tensor): Tensor | undefined {
  const live = new Set(liveNodes(logits, image));
  const found = linearLayer(behindMoves(logits), live);
  const map = found && pooledMap(behindMoves(found.product.inputs[0]!));
  if (!map) return undefined;
  const [B, h, w, C] = map.shape as [number, number, number, number];
  const { op, inputs, attrs } = found.product;
  if (inputs[0]!.shape.length !== 2 || inputs[0]!.shape[1] !== C) return undefined;
  const product = apply1(op, [reshape(map, [B * h * w, C]), ...inputs.slice(1)], attrs);
  const answers = found.bias ? apply1(Add, [product, found.bias]) : product;
  return reshape(answers, [B, h, w, logits.shape[1]!]);
}

interface LinearLayer {
  readonly product: Node;
  readonly bias?: Tensor;
}

/** The product that a value is, with weights of no image, and a bias that is added to it. */
function linearLayer(x: Tensor, live: ReadonlySet<Node>): LinearLayer | undefined {
  const { op, inputs, attrs } = x.node;
  if (op === Gemm || op === MatMul) {
    const [, weight, bias] = inputs;
    const fits = attrs.transA !== 1 && !live.has(weight!.node) && (bias === undefined || isRow(bias, live));
    return fits ? { product: x.node } : undefined;
  }
  if (op !== Add) return undefined;
  const [a, b] = inputs as readonly [Tensor, Tensor];
  const [bias, rest] = live.has(a.node) ? [b, a] : [a, b];
  const inner = isRow(bias, live) ? linearLayer(behindMoves(rest), live) : undefined;
  return inner && !inner.bias ? { product: inner.product, bias } : undefined;
}

/** A number a class, the same for all images. */
const isRow = (x: Tensor, live: ReadonlySet<Node>): boolean =>
  !live.has(x.node) && sizeOf(x.shape) === (x.shape.at(-1) ?? 1);

/** The map [B,h,w,C] that a value is the mean of over all places. */
function pooledMap({ node: { op, inputs } }: Tensor): Tensor | undefined {
  const map = inputs[0];
  if (op !== ReduceMean || map?.shape.length !== 4 || !inputs[1]) return undefined;
  const axes = normaliseAxes(constantValue(inputs[1], 'axes'), 4).join();
  if (axes === '1,2') return map;
  return axes === '2,3' ? transpose(map, [0, 2, 3, 1]) : undefined;
}
