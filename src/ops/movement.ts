import { apply, apply1, constantValue, int64s, scalar } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { broadcastOffset, fromFunction, type NdArray } from '../graph/ndArray.ts';
import { broadcastShapes, normaliseAxis, sameShape, showShape, sizeOf, stridesOf } from '../graph/shape.ts';
import type { Attrs, Op, Tensor } from '../graph/tensor.ts';
import { expectAttrs } from './elementwise.ts';
import { need, sameDtype } from './broadcast.ts';

export const Reshape: Op = {
  name: 'Reshape',
  infersExtent: true,
  infer: (inputs) => {
    const x = need(inputs, 0);
    const shape = constantValue(inputs[1], 'the shape').slice();
    const open = shape.indexOf(-1);
    if (open >= 0) shape[open] = sizeOf(x.shape) / sizeOf(shape.filter((n) => n !== -1));
    if (sizeOf(shape) !== sizeOf(x.shape) || !shape.every(Number.isInteger))
      throw new BuildError(`${showShape(x.shape)} does not fit ${showShape(shape)}`);
    return [{ dtype: x.dtype, shape }];
  },
  vjp: ({ dy, inputs: [x] }) => [reshape(dy[0]!, x!.shape)],
  reference: ([x], { outputs }) => [{ ...x!, shape: outputs[0]!.shape }],
};

export const Transpose: Op = {
  name: 'Transpose',
  infer: (inputs, attrs) => {
    const x = need(inputs, 0);
    const perm = attrs.perm as readonly number[];
    if ([...perm].sort((a, b) => a - b).some((axis, i) => axis !== i) || perm.length !== x.shape.length)
      throw new BuildError(`perm [${perm}] does not permute ${showShape(x.shape)}`);
    return [{ dtype: x.dtype, shape: perm.map((axis) => x.shape[axis]!) }];
  },
  vjp: ({ node, dy }) => {
    const perm = node.attrs.perm as readonly number[];
    return [
      transpose(
        dy[0]!,
        perm.map((_, axis) => perm.indexOf(axis)),
      ),
    ];
  },
  reference: ([x], { attrs, outputs }) => {
    const strides = stridesOf(x!.shape);
    const perm = attrs.perm as readonly number[];
    const at = (position: readonly number[]) =>
      x!.data[perm.reduce((sum, axis, i) => sum + position[i]! * strides[axis]!, 0)]!;
    return [fromFunction(outputs[0]!.shape, at, x!.dtype)];
  },
};

/** Broadcasts to at least the given shape. */
export const Expand: Op = {
  name: 'Expand',
  infer: (inputs) => {
    const x = need(inputs, 0);
    return [{ dtype: x.dtype, shape: broadcastShapes(x.shape, constantValue(inputs[1], 'the shape')) }];
  },
  vjp: ({ dy }) => [dy[0]],
  reference: ([x], { outputs }) => [
    fromFunction(outputs[0]!.shape, (position) => x!.data[broadcastOffset(x!.shape, position)]!, x!.dtype),
  ],
};

const axisOf = (attrs: Attrs, { shape }: { readonly shape: readonly number[] }): number =>
  normaliseAxis(attrs.axis as number, shape.length);

export const Concat: Op = {
  name: 'Concat',
  infer: (inputs, attrs) => {
    const tensors = inputs.map((_, i) => need(inputs, i));
    const first = tensors[0]!;
    const axis = normaliseAxis(attrs.axis as number, first.shape.length);
    for (const t of tensors)
      if (t.shape.length !== first.shape.length || t.shape.some((n, i) => i !== axis && n !== first.shape[i]))
        throw new BuildError(`shapes differ beyond axis ${axis}: ${tensors.map((x) => showShape(x.shape)).join(', ')}`);
    const total = tensors.reduce((sum, t) => sum + t.shape[axis]!, 0);
    return [{ dtype: sameDtype(...tensors), shape: first.shape.map((n, i) => (i === axis ? total : n)) }];
  },
  vjp: ({ node, dy, inputs }) => {
    const axis = axisOf(node.attrs, inputs[0]!);
    return split(
      dy[0]!,
      inputs.map((t) => t!.shape[axis]!),
      axis,
    );
  },
  reference: (inputs, { attrs, outputs }) => {
    const axis = axisOf(attrs, inputs[0]!);
    const out = fromFunction(outputs[0]!.shape, () => 0, outputs[0]!.dtype);
    let start = 0;
    for (const x of inputs) {
      copyAlong(x!, 0, out, start, axis, x!.shape[axis]!);
      start += x!.shape[axis]!;
    }
    return [out];
  },
};

/** Pieces along an axis; the sizes are the second input. */
export const Split: Op = {
  name: 'Split',
  infer: (inputs, attrs) => {
    const x = need(inputs, 0);
    const axis = normaliseAxis(attrs.axis as number, x.shape.length);
    const sizes = constantValue(inputs[1], 'the sizes');
    const total = sizes.reduce((a, b) => a + b, 0);
    if (total !== x.shape[axis])
      throw new BuildError(
        `sizes [${sizes}] sum to ${total}; axis ${axis} of ${showShape(x.shape)} has ${x.shape[axis]}`,
      );
    return sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.map((n, i) => (i === axis ? size : n)) }));
  },
  vjp: ({ node, dy, outputs }) => {
    const parts = outputs.map((t, i) => dy[i] ?? expand(scalar(0, t.dtype), t.shape));
    return [concat(parts, node.attrs.axis as number)];
  },
  reference: ([x], { attrs, outputs }) => {
    const axis = axisOf(attrs, x!);
    let start = 0;
    return outputs.map((t) => {
      const out = fromFunction(t.shape, () => 0, t.dtype);
      copyAlong(x!, start, out, 0, axis, t.shape[axis]!);
      start += t.shape[axis]!;
      return out;
    });
  },
};

function copyAlong(from: NdArray, fromStart: number, to: NdArray, toStart: number, axis: number, length: number): void {
  const inner = sizeOf(to.shape.slice(axis + 1));
  const outer = sizeOf(to.shape.slice(0, axis));
  const data = to.data as Float64Array;
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < length * inner; i++)
      data[(o * to.shape[axis]! + toStart) * inner + i] = from.data[(o * from.shape[axis]! + fromStart) * inner + i]!;
}

/** Slice(x, starts, ends, axes, steps), all constants, steps positive; starts and ends inside the axis. */
export const Slice: Op = {
  name: 'Slice',
  infer: (inputs) => {
    const x = need(inputs, 0);
    const shape = x.shape.slice();
    sliceRanges(inputs, x.shape).forEach(({ axis, start, end, step }) => {
      if (start < 0 || end > x.shape[axis]! || start >= end || step < 1)
        throw new BuildError(`[${start}:${end}:${step}] is not inside axis ${axis} of ${showShape(x.shape)}`);
      shape[axis] = Math.ceil((end - start) / step);
    });
    return [{ dtype: x.dtype, shape }];
  },
  vjp: ({ node, dy, inputs: [x] }) => [unslice(dy[0]!, x!.shape, sliceRanges(node.inputs, x!.shape))],
  reference: ([x], node) => {
    const strides = stridesOf(x!.shape);
    const ranges = sliceRanges(node.inputs, x!.shape);
    const origin = ranges.reduce((sum, r) => sum + r.start * strides[r.axis]!, 0);
    for (const r of ranges) strides[r.axis]! *= r.step;
    return [
      fromFunction(
        node.outputs[0]!.shape,
        (p) => x!.data[p.reduce((sum, n, axis) => sum + n * strides[axis]!, origin)]!,
        x!.dtype,
      ),
    ];
  },
};

export interface SliceRange {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

function sliceRanges(inputs: readonly (Tensor | undefined)[], shape: readonly number[]): SliceRange[] {
  const starts = constantValue(inputs[1], 'starts');
  const ends = constantValue(inputs[2], 'ends');
  const axes = inputs[3] ? constantValue(inputs[3], 'axes') : starts.map((_, i) => i);
  const steps = inputs[4] ? constantValue(inputs[4], 'steps') : starts.map(() => 1);
  return axes.map((given, i) => {
    const axis = normaliseAxis(given, shape.length);
    const inside = (at: number) => (at < 0 ? at + shape[axis]! : Math.min(at, shape[axis]!));
    return { axis, start: inside(starts[i]!), end: inside(ends[i]!), step: steps[i]! };
  });
}

/** The gradient of a slice: dy where it was taken, zeros elsewhere. A step is undone by a zero-filled trailing axis. */
function unslice(dy: Tensor, shape: readonly number[], ranges: readonly SliceRange[]): Tensor {
  let out = dy;
  for (const { axis, step } of ranges.filter((r) => r.step > 1)) {
    const n = out.shape[axis]!;
    const folded = [...out.shape.slice(0, axis + 1), 1, ...out.shape.slice(axis + 1)];
    const padded = pad(
      reshape(out, folded),
      folded.map(() => 0),
      folded.map((_, i) => (i === axis + 1 ? step - 1 : 0)),
    );
    out = reshape(
      padded,
      out.shape.map((m, i) => (i === axis ? n * step : m)),
    );
    if (out.shape[axis]! > shape[axis]!) out = slice(out, axis, 0, shape[axis]!);
  }
  const before = shape.map((_, axis) => ranges.find((r) => r.axis === axis)?.start ?? 0);
  for (let axis = 0; axis < shape.length; axis++)
    if (before[axis]! + out.shape[axis]! > shape[axis]!) out = slice(out, axis, 0, shape[axis]! - before[axis]!);
  return pad(
    out,
    before,
    shape.map((n, axis) => n - before[axis]! - out.shape[axis]!),
  );
}

/** Zero padding; pads are [before each axis..., after each axis...], constants, not negative. */
export const Pad: Op = {
  name: 'Pad',
  infer: (inputs, attrs) => {
    const x = need(inputs, 0);
    expectAttrs(attrs, { mode: 'constant' });
    if (inputs[2] && constantValue(inputs[2], 'the padding value')[0] !== 0)
      throw new BuildError('only zeros are padded');
    if (inputs[3]) throw new BuildError('pads for some axes only are not supported');
    const pads = constantValue(inputs[1], 'pads');
    const rank = x.shape.length;
    if (pads.length !== 2 * rank || pads.some((p) => p < 0))
      throw new BuildError(`pads [${pads}] do not fit ${showShape(x.shape)}`);
    return [{ dtype: x.dtype, shape: x.shape.map((n, axis) => n + pads[axis]! + pads[axis + rank]!) }];
  },
  vjp: ({ node, dy, inputs: [x] }) => {
    const pads = constantValue(node.inputs[1], 'pads');
    let out = dy[0]!;
    x!.shape.forEach((n, axis) => {
      if (out.shape[axis] !== n) out = slice(out, axis, pads[axis]!, pads[axis]! + n);
    });
    return [out];
  },
  reference: ([x], node) => {
    const pads = constantValue(node.inputs[1], 'pads');
    const strides = stridesOf(x!.shape);
    const at = (position: readonly number[]) => {
      let offset = 0;
      for (let axis = 0; axis < position.length; axis++) {
        const p = position[axis]! - pads[axis]!;
        if (p < 0 || p >= x!.shape[axis]!) return 0;
        offset += p * strides[axis]!;
      }
      return x!.data[offset]!;
    };
    return [fromFunction(node.outputs[0]!.shape, at, x!.dtype)];
  },
};

export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return sameShape(x.shape, shape) ? x : apply1(Reshape, [x, int64s(shape)]);
}

export function transpose(x: Tensor, perm: readonly number[]): Tensor {
  return perm.every((axis, i) => axis === i) ? x : apply1(Transpose, [x], { perm });
}

export function expand(x: Tensor, shape: readonly number[]): Tensor {
  return sameShape(x.shape, shape) ? x : apply1(Expand, [x, int64s(shape)]);
}

export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  return tensors.length === 1
    ? tensors[0]!
    : apply1(Concat, tensors, { axis: normaliseAxis(axis, tensors[0]!.shape.length) });
}

export function split(x: Tensor, sizes: readonly number[], axis: number): readonly Tensor[] {
  return sizes.length === 1 ? [x] : apply(Split, [x, int64s(sizes)], { axis: normaliseAxis(axis, x.shape.length) });
}

/** x[..., start:end:step, ...] along one axis; a negative end counts from the end. */
export function slice(x: Tensor, axis: number, start: number, end: number, step = 1): Tensor {
  const at = normaliseAxis(axis, x.shape.length);
  const stop = end < 0 ? end + x.shape[at]! : end;
  if (start === 0 && stop === x.shape[at] && step === 1) return x;
  return apply1(Slice, [x, int64s([start]), int64s([stop]), int64s([at]), int64s([step])]);
}

export function pad(x: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  return [...before, ...after].every((n) => n === 0) ? x : apply1(Pad, [x, int64s([...before, ...after])]);
}
