import { apply1, constantOf } from '../graph/build.ts';
import { withLabel } from '../graph/scope.ts';
import { sameShape } from '../graph/shape.ts';
import type { Node, Tensor } from '../graph/tensor.ts';
import { rewrite } from '../graph/walk.ts';
import { Mul, mul } from '../ops/elementwise.ts';
import { FusedMatMul, MatMul } from '../ops/matmul.ts';
import { ReduceSum, reduceSum } from '../ops/reduce.ts';

/** By left and right operand: a product, and by what it is multiplied. */
type Products = Map<Tensor, Map<Tensor, Tensor>>;

/**
 * Sums along the rows of p * (g v') as those of g * (p v), where p v is computed anyway: both are the sum over j and k of
 * p_ij g_ik v_jk. Softmax's gradient needs them in attention, where p is several times the size of g.
 */
export function rowSums(outputs: readonly Tensor[]): Tensor[] {
  const products: Products = new Map();
  return rewrite(outputs, (node, inputs) =>
    withLabel(node.label, () => {
      if (node.op === ReduceSum) return shorter(node, inputs as readonly Tensor[], products);
      if (!isProduct(node, false)) return undefined;
      const [p, v] = inputs as [Tensor, Tensor];
      const pv = inputs.every((t, i) => t === node.inputs[i]) ? node.outputs[0]! : apply1(node.op, inputs, node.attrs);
      products.set(p, (products.get(p) ?? new Map<Tensor, Tensor>()).set(v, pv));
      return [pv];
    }),
  );
}

function shorter({ attrs }: Node, [x, axes]: readonly Tensor[], products: Products): readonly Tensor[] | undefined {
  const last = x!.shape.length - 1;
  const summed = axes && constantOf(axes);
  if (x!.node.op !== Mul || summed?.data.length !== 1 || Number(summed.data[0]) !== last) return undefined;
  const [a, b] = x!.node.inputs as [Tensor, Tensor];
  return along(a, b, attrs.keepdims !== 0, products) ?? along(b, a, attrs.keepdims !== 0, products);
}

function along(p: Tensor, gv: Tensor, keepDims: boolean, products: Products): readonly Tensor[] | undefined {
  if (!isProduct(gv.node, true)) return undefined;
  const [g, v] = gv.node.inputs as [Tensor, Tensor];
  const pv = products.get(p)?.get(v);
  if (!pv || !sameShape(p.shape, gv.shape) || !sameShape(pv.shape, g.shape)) return undefined;
  if (g.shape.at(-1)! >= p.shape.at(-1)!) return undefined;
  const gain = alphaOf(gv.node) / alphaOf(pv.node);
  if (!Number.isFinite(gain)) return undefined;
  return [mul(reduceSum(mul(g, pv), { axes: [g.shape.length - 1], keepDims }), gain)];
}

const isProduct = ({ op, attrs }: Node, transB: boolean): boolean =>
  (op === MatMul || op === FusedMatMul) && attrs.transA !== 1 && (attrs.transB === 1) === transB;

const alphaOf = ({ attrs }: Node): number => (attrs.alpha as number | undefined) ?? 1;
