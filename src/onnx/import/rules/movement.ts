import { constant, constantOf, type Operand, scalar } from '../../../graph/build.ts';
import { BuildError } from '../../../graph/errors.ts';
import { normaliseAxis, sizeOf } from '../../../graph/shape.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { add, sub } from '../../../ops/elementwise.ts';
import { concat, expand, pad, reshape, slice, split, transpose } from '../../../ops/movement.ts';
import { flip, gather } from '../../../ops/gather.ts';
import { assume, type Call, constantAt, inputAt, listAt, numbersAt, type Rules } from '../rule.ts';
import { transposedConstant } from '../weights.ts';

function reshapeRule(call: Call): Tensor {
  const x = inputAt(call, 0);
  const target = numbersAt(call, 1, 'the shape') ?? [];
  const copies = call.attrs.int('allowzero', 0) === 0;
  const shape = target.map((n, i) => (n === 0 && copies ? (x.shape[i] ?? 0) : n));
  const open = shape.indexOf(-1);
  if (open >= 0) shape[open] = sizeOf(x.shape) / sizeOf(shape.filter((_, i) => i !== open));
  if (sizeOf(shape) !== sizeOf(x.shape) || !shape.every((n) => Number.isInteger(n) && n >= 0))
    throw new BuildError(`[${x.shape}] does not fit [${target}]`);
  return reshape(x, shape);
}

function flatten(call: Call): Tensor {
  const x = inputAt(call, 0);
  const given = call.attrs.int('axis', 1);
  const axis = given < 0 ? given + x.shape.length : given;
  return reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
}

function squeeze(call: Call): Tensor {
  const x = inputAt(call, 0);
  const axes = listAt(call, 1, 'axes')?.map((axis) => normaliseAxis(axis, x.shape.length));
  const gone = (n: number, axis: number) => (axes ? axes.includes(axis) : n === 1);
  if (axes?.some((axis) => x.shape[axis] !== 1)) throw new BuildError(`axes [${axes}] of [${x.shape}] are not all 1`);
  return reshape(
    x,
    x.shape.filter((n, axis) => !gone(n, axis)),
  );
}

function unsqueeze(call: Call): Tensor {
  const x = inputAt(call, 0);
  const given = listAt(call, 1, 'axes') ?? [];
  const rank = x.shape.length + given.length;
  const axes = given.map((axis) => normaliseAxis(axis, rank));
  if (new Set(axes).size !== axes.length) throw new BuildError(`axes [${given}] name one twice`);
  const rest = [...x.shape];
  return reshape(
    x,
    Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : rest.shift()!)),
  );
}

function transposeRule(call: Call): Tensor {
  const x = inputAt(call, 0);
  const rank = x.shape.length;
  const perm = call.attrs.ints('perm') ?? x.shape.map((_, axis) => rank - 1 - axis);
  if (perm.length !== rank || new Set(perm.filter((axis) => axis >= 0 && axis < rank)).size !== rank)
    throw new BuildError(`perm [${perm}] does not permute [${x.shape}]`);
  return transposedConstant(x, perm, call.budget) ?? transpose(x, perm);
}

function splitRule(call: Call): readonly Tensor[] {
  const x = inputAt(call, 0);
  const axis = normaliseAxis(call.attrs.int('axis', 0), x.shape.length);
  const count = call.attrs.int('num_outputs', call.outputs);
  if (count !== call.outputs) throw new BuildError(`num_outputs = ${count} of a node with ${call.outputs} outputs`);
  const each = Math.ceil(x.shape[axis]! / count);
  const even = Array.from({ length: count }, (_, i) => Math.min(each, x.shape[axis]! - i * each));
  const sizes = listAt(call, 1, 'split') ?? even;
  if (sizes.length !== call.outputs)
    throw new BuildError(`${sizes.length} sizes of a node with ${call.outputs} outputs`);
  if (call.opset >= 18 && !call.inputs[1] && !call.attrs.has('num_outputs'))
    throw new BuildError('neither sizes nor num_outputs');
  if (sizes.some((n) => n < 1))
    throw new BuildError(`sizes [${sizes}] of axis ${axis} of [${x.shape}] must be above 0`);
  return split(x, sizes, axis);
}

/** Starts and ends may lie outside; a negative step walks backwards from the start. */
function sliceRule(call: Call): Tensor {
  const x = inputAt(call, 0);
  const starts = listAt(call, 1, 'starts') ?? [];
  const ends = listAt(call, 2, 'ends') ?? [];
  const axes = listAt(call, 3, 'axes') ?? starts.map((_, i) => i);
  const steps = numbersAt(call, 4, 'the steps') ?? starts.map(() => 1);
  const counts = [starts, ends, axes, steps].map(({ length }) => length);
  if (new Set(counts).size > 1)
    throw new BuildError(`wanted as many starts, ends, axes and steps, got ${counts.join(', ')}`);
  return axes.reduce(
    (t, axis, i) => sliceAxis(t, normaliseAxis(axis, x.shape.length), starts[i]!, ends[i]!, steps[i]!),
    x,
  );
}

function sliceAxis(x: Tensor, axis: number, start: number, end: number, step: number): Tensor {
  const n = x.shape[axis]!;
  if (!Number.isInteger(step) || step === 0) throw new BuildError(`step ${step} along axis ${axis}`);
  const from = (at: number) => (at < 0 ? at + n : at);
  // Backwards is forwards on the mirrored axis, where n - 1 - start stands for start.
  if (step < 0) {
    const [first, last] = [Math.min(from(start), n - 1), Math.max(from(end), -1)];
    return sliceAxis(flip(x, axis), axis, n - 1 - first, n - 1 - last, -step);
  }
  const [first, last] = [Math.max(0, from(start)), Math.min(n, from(end))];
  if (first >= last) return nothing(x, axis);
  return slice(x, axis, first, last, step);
}

/** An empty slice: only as a constant, since shapes are sometimes joined from parts of which one is empty. */
function nothing(x: Tensor, axis: number): Tensor {
  if (!constantOf(x)) throw new BuildError(`an empty slice of axis ${axis} of [${x.shape}]`);
  return constant({ dtype: x.dtype, shape: x.shape.map((n, i) => (i === axis ? 0 : n)), data: [] });
}

/** Empty constants are left out. */
function concatRule(call: Call): Tensor {
  const tensors = call.inputs.map((_, i) => inputAt(call, i));
  const full = tensors.filter((t) => sizeOf(t.shape) > 0);
  if (full.length === 0) return tensors[0] ?? inputAt(call, 0);
  return concat(full, normaliseAxis(call.attrs.int('axis', 0), full[0]!.shape.length));
}

/** Mirrored and repeated borders are rows that are taken once more; negative pads cut off. */
function padRule(call: Call): Tensor {
  const x = inputAt(call, 0);
  const rank = x.shape.length;
  const given = listAt(call, 1, 'pads') ?? [];
  const axes = (numbersAt(call, 3, 'axes') ?? x.shape.map((_, i) => i)).map((axis) => normaliseAxis(axis, rank));
  if (given.length !== 2 * axes.length) throw new BuildError(`pads [${given}] do not fit [${x.shape}]`);
  const mode = call.attrs.text('mode', 'constant');
  assume('mode', mode, ['constant', 'reflect', 'edge', 'wrap']);
  const filling = call.inputs[2] && constantAt(call, 2, 'the padding value');
  if (filling && filling.data.length !== 1)
    throw new BuildError(`the padding value has ${filling.data.length} elements, not one`);
  const value = filling ? Number(filling.data[0]) : 0;
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  axes.forEach((axis, i) => {
    [before[axis], after[axis]] = [given[i]!, given[i + axes.length]!];
  });
  const cut = x.shape.reduce(
    (t, n, axis) => slice(t, axis, Math.max(0, -before[axis]!), n - Math.max(0, -after[axis]!)),
    x,
  );
  const [left, right] = [before, after].map((pads) => pads.map((p) => Math.max(0, p))) as [number[], number[]];
  if (mode !== 'constant') return border(call, cut, left, right, mode);
  return value === 0 ? pad(cut, left, right) : filled(cut, left, right, value);
}

/** x - value is padded with zeros, then value is added back. */
function filled(x: Tensor, left: readonly number[], right: readonly number[], value: Operand): Tensor {
  const v = typeof value === 'number' ? scalar(value, x.dtype) : value;
  return add(pad(sub(x, v), left, right), v);
}

function border({ budget }: Call, x: Tensor, left: readonly number[], right: readonly number[], mode: string): Tensor {
  return x.shape.reduce((t, n, axis) => {
    if (left[axis] === 0 && right[axis] === 0) return t;
    const rows = Array.from({ length: budget.make([left[axis]! + n + right[axis]!]) }, (_, i) =>
      within(i - left[axis]!, n, mode),
    );
    return gather(t, constant({ dtype: 'int64', shape: [rows.length], data: rows }), axis);
  }, x);
}

function within(i: number, n: number, mode: string): number {
  if (mode === 'edge') return Math.max(0, Math.min(n - 1, i));
  if (mode === 'wrap') return ((i % n) + n) % n;
  const mirrored = i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
  if (mirrored < 0 || mirrored >= n) throw new BuildError(`an axis of ${n} cannot be mirrored that far`);
  return mirrored;
}

function tile(call: Call): Tensor {
  const x = inputAt(call, 0);
  const times = numbersAt(call, 1, 'the repeats') ?? [];
  if (times.length !== x.shape.length || times.some((n) => n < 1))
    throw new BuildError(`repeats [${times}] of [${x.shape}]`);
  const apart = reshape(
    x,
    x.shape.flatMap((n) => [1, n]),
  );
  const repeated = expand(
    apart,
    x.shape.flatMap((n, axis) => [times[axis]!, n]),
  );
  return reshape(
    repeated,
    x.shape.map((n, axis) => n * times[axis]!),
  );
}

/** Source: the ONNX standard, DepthToSpace: DCR takes the block first, CRD the channels. */
function depthToSpace(call: Call): Tensor {
  const x = inputAt(call, 0);
  const [B, C, h, w] = x.shape as [number, number, number, number];
  const [b, mode] = [call.attrs.int('blocksize', 1), call.attrs.text('mode', 'DCR')];
  const c = C / (b * b);
  const apart = reshape(x, mode === 'DCR' ? [B, b, b, c, h, w] : [B, c, b, b, h, w]);
  return reshape(transpose(apart, mode === 'DCR' ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]), [B, c, h * b, w * b]);
}

function spaceToDepth(call: Call): Tensor {
  const x = inputAt(call, 0);
  const [B, C, h, w] = x.shape as [number, number, number, number];
  const b = call.attrs.int('blocksize', 1);
  const apart = reshape(x, [B, C, h / b, b, w / b, b]);
  return reshape(transpose(apart, [0, 3, 5, 1, 2, 4]), [B, C * b * b, h / b, w / b]);
}

export const movementRules: Rules = {
  Reshape: (call) => [reshapeRule(call)],
  Flatten: (call) => [flatten(call)],
  Squeeze: (call) => [squeeze(call)],
  Unsqueeze: (call) => [unsqueeze(call)],
  Transpose: (call) => [transposeRule(call)],
  Split: splitRule,
  Slice: (call) => [sliceRule(call)],
  Concat: (call) => [concatRule(call)],
  Pad: (call) => [padRule(call)],
  Tile: (call) => [tile(call)],
  DepthToSpace: (call) => [depthToSpace(call)],
  SpaceToDepth: (call) => [spaceToDepth(call)],
};
