import { apply1 } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { broadcastOffset, fromFunction, type NdArray } from '../graph/ndArray.ts';
import { broadcastShapes, showShape, sizeOf, stridesOf } from '../graph/shape.ts';
import type { Attrs, Inputs, Op, Tensor, TensorType, VjpContext } from '../graph/tensor.ts';
import { mul } from './elementwise.ts';
import { need, sameDtype } from './broadcast.ts';
import { reshape } from './movement.ts';

export interface MatMulOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
}

interface Flags {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
}

function flagsOf(attrs: Attrs): Flags {
  return { transA: attrs.transA === 1, transB: attrs.transB === 1, alpha: (attrs.alpha as number | undefined) ?? 1 };
}

const lastTwo = (shape: readonly number[], trans: boolean): [number, number] => {
  const [a, b] = [shape.at(-2)!, shape.at(-1)!];
  return trans ? [b, a] : [a, b];
};

function inferMatMul(inputs: Inputs, attrs: Attrs): readonly TensorType[] {
  const [a, b] = [need(inputs, 0), need(inputs, 1)];
  const { transA, transB } = flagsOf(attrs);
  if (a.shape.length < 2 || b.shape.length < 2)
    throw new BuildError(`rank 2 or more is needed: ${showShape(a.shape)} x ${showShape(b.shape)}`);
  const [m, k] = lastTwo(a.shape, transA);
  const [k2, n] = lastTwo(b.shape, transB);
  if (k !== k2)
    throw new BuildError(
      `inner sizes differ: ${showShape(a.shape)}${transA ? "'" : ''} x ${showShape(b.shape)}${transB ? "'" : ''}`,
    );
  return [{ dtype: sameDtype(a, b), shape: [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), m, n] }];
}

function matMulReference(a: NdArray, b: NdArray, shape: readonly number[], { transA, transB, alpha }: Flags): NdArray {
  const [as, bs] = [stridesOf(a.shape), stridesOf(b.shape)];
  const [aRow, aInner] = lastTwo(as, transA);
  const [bInner, bColumn] = lastTwo(bs, transB);
  const inner = lastTwo(a.shape, transA)[1];
  const [aBatch, bBatch] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const at = (position: readonly number[]) => {
    const batch = position.slice(0, -2);
    const a0 = broadcastOffset(aBatch, batch, as) + position.at(-2)! * aRow;
    const b0 = broadcastOffset(bBatch, batch, bs) + position.at(-1)! * bColumn;
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a.data[a0 + k * aInner]! * b.data[b0 + k * bInner]!;
    return alpha * sum;
  };
  return fromFunction(shape, at, a.dtype);
}

/**
 * The gradient of a product is two products. A right operand of rank 2 under a batched left one is one product over the
 * folded batch, not a batch of products that is summed afterwards.
 */
function matMulVjp({ node, dy: [dy], inputs: [a, b], wants }: VjpContext): (Tensor | undefined)[] {
  const { transA, transB, alpha } = flagsOf(node.attrs);
  const fold = b!.shape.length === 2 && a!.shape.length > 2 && !transA;
  const da = () =>
    transA ? matmul(b!, dy!, { transA: transB, transB: true, alpha }) : matmul(dy!, b!, { transB: !transB, alpha });
  const db = () => {
    const [x, g] = fold ? [flat2d(a!), flat2d(dy!)] : [a!, dy!];
    return transB ? matmul(g, x, { transA: true, transB: transA, alpha }) : matmul(x, g, { transA: !transA, alpha });
  };
  return [wants[0] ? da() : undefined, wants[1] ? db() : undefined];
}

const flat2d = (x: Tensor): Tensor => reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);

export const MatMul: Op = {
  name: 'MatMul',
  infer: inferMatMul,
  vjp: matMulVjp,
  reference: ([a, b], { outputs, attrs }) => [matMulReference(a!, b!, outputs[0]!.shape, flagsOf(attrs))],
};

/** alpha * A' B', each operand transposed in its last two axes on demand. */
export const FusedMatMul: Op = { ...MatMul, name: 'FusedMatMul', domain: 'com.microsoft', floatAttrs: ['alpha'] };

/** alpha * A' B' + beta * C for rank-2 A and B; C broadcasts. */
export const Gemm: Op = {
  name: 'Gemm',
  floatAttrs: ['alpha', 'beta'],
  infer: (inputs, attrs) => {
    const [type] = inferMatMul(inputs, attrs);
    if (type!.shape.length !== 2)
      throw new BuildError(`rank 2 is needed: ${inputs.map((t) => showShape(t!.shape)).join(', ')}`);
    const c = inputs[2];
    if (c && !broadcastShapes(c.shape, type!.shape).every((n, i) => n === type!.shape[i]))
      throw new BuildError(`C ${showShape(c.shape)} does not broadcast to ${showShape(type!.shape)}`);
    return [type!];
  },
  vjp: (g) => {
    const beta = (g.node.attrs.beta as number | undefined) ?? 1;
    const dc = () => (beta === 1 ? g.dy[0]! : mul(g.dy[0]!, beta));
    return [...matMulVjp(g), g.wants[2] ? dc() : undefined];
  },
  reference: ([a, b, c], { outputs, attrs }) => {
    const product = matMulReference(a!, b!, outputs[0]!.shape, flagsOf(attrs));
    if (!c) return [product];
    const beta = (attrs.beta as number | undefined) ?? 1;
    const at = (position: readonly number[], flat: number) =>
      product.data[flat]! + beta * c.data[broadcastOffset(c.shape, position)]!;
    return [fromFunction(product.shape, at, product.dtype)];
  },
};

/** Product of the last two axes; leading axes broadcast. Rank-2 operands become a Gemm, flags a FusedMatMul. */
export function matmul(
  a: Tensor,
  b: Tensor,
  { transA = false, transB = false, alpha = 1 }: MatMulOptions = {},
): Tensor {
  if (a.shape.length === 2 && b.shape.length === 2 && (transA || transB || alpha !== 1))
    return gemm(a, b, undefined, { transA, transB, alpha });
  if (!transA && !transB && alpha === 1) return apply1(MatMul, [a, b]);
  return apply1(FusedMatMul, [a, b], { transA: transA ? 1 : 0, transB: transB ? 1 : 0, alpha });
}

export function gemm(
  a: Tensor,
  b: Tensor,
  c: Tensor | undefined,
  { transA = false, transB = false, alpha = 1, beta = 1 }: MatMulOptions & { beta?: number } = {},
): Tensor {
  return apply1(Gemm, c ? [a, b, c] : [a, b], { transA: transA ? 1 : 0, transB: transB ? 1 : 0, alpha, beta });
}
