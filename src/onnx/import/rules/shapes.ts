import { constant, int64s } from '../../../graph/build.ts';
import { BuildError } from '../../../graph/errors.ts';
import { fromFunction } from '../../../graph/ndArray.ts';
import { sizeOf, stridesOf } from '../../../graph/shape.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { expand } from '../../../ops/movement.ts';
import { type Call, constantAt, inputAt, numbersAt, type Rules } from '../rule.ts';
import { dtypeOf } from '../tensorData.ts';

function shapeOf(call: Call): Tensor {
  const { shape } = inputAt(call, 0);
  const at = (given: number) => Math.max(0, Math.min(shape.length, given < 0 ? given + shape.length : given));
  return int64s(shape.slice(at(call.attrs.int('start', 0)), at(call.attrs.int('end', shape.length))));
}

function constantOfShape(call: Call): Tensor {
  const shape = numbersAt(call, 0, 'the shape') ?? [];
  const size = call.budget.make(shape);
  const value = call.attrs.tensor('value') ?? { dtype: 'float32' as const, shape: [1], data: [0] };
  return constant({ dtype: value.dtype, shape, data: new Float64Array(size).fill(value.data[0] ?? 0) });
}

function range(call: Call): Tensor {
  const [start, limit, step] = [0, 1, 2].map((i) => Number(constantAt(call, i, 'a bound').data[0])) as [
    number,
    number,
    number,
  ];
  const count = Math.max(0, Math.ceil((limit - start) / step));
  const n = call.budget.make([count]);
  const { dtype } = inputAt(call, 0);
  return constant({ dtype, shape: [n], data: Float64Array.from({ length: n }, (_, i) => start + i * step) });
}

function constantNode({ attrs }: Call): Tensor {
  const tensor = attrs.tensor('value');
  if (tensor) return constant(tensor);
  const [int, float] = [attrs.int('value_int', undefined), attrs.float('value_float', undefined)];
  const [ints, floats] = [attrs.ints('value_ints'), attrs.floats('value_floats')];
  if (int !== undefined) return constant({ dtype: 'int64', shape: [], data: [int] });
  if (float !== undefined) return constant({ dtype: 'float32', shape: [], data: Float32Array.of(float) });
  if (ints) return int64s(ints);
  if (floats) return constant({ dtype: 'float32', shape: [floats.length], data: Float32Array.from(floats) });
  throw new BuildError('a constant without a value of numbers');
}

function nonZero(call: Call): Tensor {
  const x = constantAt(call, 0, 'the input');
  const strides = stridesOf(x.shape);
  call.budget.make([x.shape.length + 1, x.data.length]);
  const at = Array.from({ length: x.data.length }, (_, i) => i).filter((i) => x.data[i] !== 0);
  const rows = x.shape.map((n, axis) => at.map((i) => Math.floor(i / strides[axis]!) % n));
  return constant({ dtype: 'int64', shape: [x.shape.length, at.length], data: rows.flat() });
}

/** Writes slices of constants into constants, as masks are made: out[indices[i]] = updates[i]. */
function scatterNd(call: Call): Tensor {
  if (call.attrs.text('reduction', 'none') !== 'none') throw new BuildError('reduction is not supported');
  const [x, at, updates] = [
    constantAt(call, 0, 'the data'),
    constantAt(call, 1, 'the indices'),
    constantAt(call, 2, 'the updates'),
  ];
  const depth = at.shape.at(-1) ?? 0;
  const inner = sizeOf(x.shape.slice(depth));
  const strides = stridesOf(x.shape);
  call.budget.make(x.shape);
  const data = Float64Array.from(x.data);
  for (let i = 0; i * depth < at.data.length; i++) {
    let offset = 0;
    for (let j = 0; j < depth; j++) {
      const index = at.data[i * depth + j]!;
      const inside = index < 0 ? index + x.shape[j]! : index;
      if (!(inside >= 0 && inside < x.shape[j]!)) throw new BuildError(`index ${index} is outside [${x.shape}]`);
      offset += inside * strides[j]!;
    }
    for (let k = 0; k < inner; k++) data[offset + k] = updates.data[i * inner + k] ?? 0;
  }
  return constant({ ...x, data });
}

/** The triangle above or below a diagonal of a constant. */
function trilu(call: Call): Tensor {
  const x = constantAt(call, 0, 'the input');
  const [upper, k] = [call.attrs.int('upper', 1), numbersAt(call, 1, 'k')?.[0] ?? 0];
  call.budget.make(x.shape);
  const keep = (row: number, column: number) => (upper === 1 ? column - row >= k : column - row <= k);
  return constant(fromFunction(x.shape, (p, flat) => (keep(p.at(-2)!, p.at(-1)!) ? x.data[flat]! : 0), x.dtype));
}

function eyeLike(call: Call): Tensor {
  const { shape, dtype } = inputAt(call, 0);
  if (shape.length !== 2) throw new BuildError(`wanted a matrix, got [${shape}]`);
  const k = call.attrs.int('k', 0);
  const to = call.attrs.has('dtype') ? dtypeOf(call.attrs.int('dtype', 1)) : dtype;
  call.budget.make(shape);
  return constant(fromFunction(shape, ([r, c]) => (c! - r! === k ? 1 : 0), to ?? 'float32'));
}

function cumSum(call: Call): Tensor {
  const x = constantAt(call, 0, 'the input');
  if (call.attrs.int('exclusive', 0) + call.attrs.int('reverse', 0) > 0)
    throw new BuildError('only the plain form is supported');
  const given = numbersAt(call, 1, 'the axis')?.[0] ?? 0;
  const axis = given < 0 ? given + x.shape.length : given;
  const stride = stridesOf(x.shape)[axis]!;
  call.budget.make(x.shape);
  const data = Float64Array.from(x.data);
  for (let i = 0; i < data.length; i++) if (Math.floor(i / stride) % x.shape[axis]! > 0) data[i]! += data[i - stride]!;
  return constant({ ...x, data });
}

/** A 1 in the target keeps the input's extent. */
function expandRule(call: Call): Tensor {
  const [x, shape] = [inputAt(call, 0), numbersAt(call, 1, 'the shape') ?? []];
  const rank = Math.max(x.shape.length, shape.length);
  const padded = (of: readonly number[]) => [...new Array<number>(rank - of.length).fill(1), ...of];
  const [from, to] = [padded(x.shape), padded(shape)];
  const out = from.map((n, axis) => (to[axis] === 1 ? n : to[axis]!));
  return expand(x, out);
}

export const shapeRules: Rules = {
  Constant: (call) => [constantNode(call)],
  ConstantOfShape: (call) => [constantOfShape(call)],
  Shape: (call) => [shapeOf(call)],
  Size: (call) => [constant({ dtype: 'int64', shape: [], data: [sizeOf(inputAt(call, 0).shape)] })],
  Range: (call) => [range(call)],
  NonZero: (call) => [nonZero(call)],
  ScatterND: (call) => [scatterNd(call)],
  Trilu: (call) => [trilu(call)],
  EyeLike: (call) => [eyeLike(call)],
  CumSum: (call) => [cumSum(call)],
  Expand: (call) => [expandRule(call)],
};
