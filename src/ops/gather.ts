import { apply1, constant, scalar } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { fromFunction, type NdArray } from '../graph/ndArray.ts';
import { normaliseAxis, sameShape, showShape, stridesOf } from '../graph/shape.ts';
import type { Attrs, Inputs, Op, Tensor } from '../graph/tensor.ts';
import { need, sameDtype } from './broadcast.ts';
import { expand, reshape } from './movement.ts';

const axisOf = (inputs: Inputs, attrs: Attrs): number =>
  normaliseAxis(attrs.axis as number, need(inputs, 0).shape.length);

/** Takes whole slices along an axis: out[..., i, ...] = x[..., indices[i], ...]. */
export const Gather: Op = {
  name: 'Gather',
  infer: (inputs, attrs) => {
    const [x, indices] = [need(inputs, 0), need(inputs, 1)];
    const axis = axisOf(inputs, attrs);
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] }];
  },
  vjp: ({ node, dy, inputs: [x, indices] }) => {
    const axis = axisOf(node.inputs, node.attrs);
    const count = indices!.shape.reduce((a, b) => a * b, 1);
    const flat = reshape(
      dy[0]!,
      x!.shape.map((n, i) => (i === axis ? count : n)),
    );
    const along = reshape(
      indices!,
      x!.shape.map((_, i) => (i === axis ? count : 1)),
    );
    return [scatterAdd(x!.shape, expand(along, flat.shape), flat, axis), undefined];
  },
  reference: ([x, indices], { attrs, outputs }) => {
    const axis = normaliseAxis(attrs.axis as number, x!.shape.length);
    const [strides, at] = [stridesOf(x!.shape), stridesOf(indices!.shape)];
    const rank = indices!.shape.length;
    const pick = (p: readonly number[]) => {
      let where = 0;
      for (let i = 0; i < rank; i++) where += p[axis + i]! * at[i]!;
      const index = Number(indices!.data[where]);
      let offset = (index < 0 ? index + x!.shape[axis]! : index) * strides[axis]!;
      for (let i = 0; i < axis; i++) offset += p[i]! * strides[i]!;
      for (let i = axis + 1; i < x!.shape.length; i++) offset += p[i + rank - 1]! * strides[i]!;
      return x!.data[offset]!;
    };
    return [fromFunction(outputs[0]!.shape, pick, x!.dtype)];
  },
};

function elementOffset(shape: readonly number[], given: number, indices: NdArray) {
  const axis = normaliseAxis(given, shape.length);
  const [strides, at] = [stridesOf(shape), stridesOf(indices.shape)];
  return (p: readonly number[]): number => {
    const index = Number(indices.data[p.reduce((sum, n, i) => sum + n * at[i]!, 0)]);
    return p.reduce((sum, n, i) => sum + (i === axis ? (index < 0 ? index + shape[i]! : index) : n) * strides[i]!, 0);
  };
}

/** out[p] = x[p with p[axis] replaced by indices[p]]. */
export const GatherElements: Op = {
  name: 'GatherElements',
  infer: (inputs, attrs) => {
    axisOf(inputs, attrs);
    if (need(inputs, 1).shape.length !== need(inputs, 0).shape.length)
      throw new BuildError('indices must have the rank of the data');
    return [{ dtype: need(inputs, 0).dtype, shape: need(inputs, 1).shape }];
  },
  vjp: ({ node, dy, inputs: [x, indices] }) => [
    scatterAdd(x!.shape, indices!, dy[0]!, node.attrs.axis as number),
    undefined,
  ],
  reference: ([x, indices], { attrs }) => {
    const offset = elementOffset(x!.shape, attrs.axis as number, indices!);
    return [fromFunction(indices!.shape, (p) => x!.data[offset(p)]!, x!.dtype)];
  },
};

/** Adds updates into the data at positions whose `axis` coordinate comes from indices; repeated positions add up. */
export const ScatterElements: Op = {
  name: 'ScatterElements',
  infer: (inputs, attrs) => {
    const [x, indices, updates] = [need(inputs, 0), need(inputs, 1), need(inputs, 2)];
    axisOf(inputs, attrs);
    if (attrs.reduction !== 'add') throw new BuildError(`reduction must be add, got ${String(attrs.reduction)}`);
    if (!sameShape(indices.shape, updates.shape))
      throw new BuildError(`indices ${showShape(indices.shape)} and updates ${showShape(updates.shape)} differ`);
    return [{ dtype: sameDtype(x, updates), shape: x.shape }];
  },
  vjp: ({ node, dy, inputs: [, indices], wants }) => [
    dy[0],
    undefined,
    wants[2] ? apply1(GatherElements, [dy[0]!, indices!], { axis: node.attrs.axis as number }) : undefined,
  ],
  reference: ([x, indices, updates], { attrs }) => {
    const out = Float64Array.from(x!.data);
    const offset = elementOffset(x!.shape, attrs.axis as number, indices!);
    fromFunction(indices!.shape, (p, flat) => {
      out[offset(p)]! += updates!.data[flat]!;
      return 0;
    });
    return [{ ...x!, data: out }];
  },
};

function scatterAdd(shape: readonly number[], indices: Tensor, updates: Tensor, axis: number): Tensor {
  return apply1(ScatterElements, [expand(scalar(0, updates.dtype), shape), indices, updates], {
    axis,
    reduction: 'add',
  });
}

export const gather = (x: Tensor, indices: Tensor, axis: number): Tensor =>
  apply1(Gather, [x, indices], { axis: normaliseAxis(axis, x.shape.length) });
export const gatherElements = (x: Tensor, indices: Tensor, axis: number): Tensor =>
  apply1(GatherElements, [x, indices], { axis: normaliseAxis(axis, x.shape.length) });
/** Adds `updates` into zeros of the given shape. */
export const scatterElements = scatterAdd;

/** Reverses an axis. */
export function flip(x: Tensor, axis: number): Tensor {
  const n = x.shape[normaliseAxis(axis, x.shape.length)]!;
  const order = Array.from({ length: n }, (_, i) => n - 1 - i);
  return n === 1 ? x : gather(x, constant({ dtype: 'int64', shape: [n], data: order }), axis);
}
