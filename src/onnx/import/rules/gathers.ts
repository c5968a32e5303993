import { constant, constantOf } from '../../../graph/build.ts';
import { BuildError } from '../../../graph/errors.ts';
import { normaliseAxis, sizeOf, stridesOf } from '../../../graph/shape.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { gather, gatherElements } from '../../../ops/gather.ts';
import { reshape } from '../../../ops/movement.ts';
import { type Call, constantAt, inputAt, type Rules } from '../rule.ts';

/** Indices are checked here where they are known: an engine would read beyond the tensor or fail at run time. */
function gatherRule(call: Call, elements: boolean): Tensor {
  const [x, indices] = [inputAt(call, 0), inputAt(call, 1)];
  const axis = normaliseAxis(call.attrs.int('axis', 0), x.shape.length);
  const n = x.shape[axis]!;
  const outside = constantOf(indices)?.data.find((i) => i < -n || i >= n);
  if (outside !== undefined) throw new BuildError(`index ${outside} is outside axis ${axis} of [${x.shape}]`);
  return (elements ? gatherElements : gather)(x, indices, axis);
}

/**
 * The last axis of the indices is a place on the axes of x that follow the batch axes: rows of x with those axes joined. The
 * dynamo exporter writes Swin's table of relative positions so. Source: the ONNX standard, GatherND.
 */
function gatherND(call: Call): Tensor {
  const x = inputAt(call, 0);
  const { shape, data } = constantAt(call, 1, 'the indices');
  const batchAxes = call.attrs.int('batch_dims', 0);
  const depth = shape.at(-1) ?? 0;
  const [batch, picked] = [x.shape.slice(0, batchAxes), x.shape.slice(batchAxes, batchAxes + depth)];
  if (depth < 1 || picked.length !== depth || batch.some((n, axis) => n !== shape[axis]) || shape.length <= batchAxes)
    throw new BuildError(`indices [${shape}] with ${batchAxes} batch axes do not fit [${x.shape}]`);
  const count = call.budget.make(shape.slice(0, -1));
  const [strides, each] = [stridesOf(picked), count / sizeOf(batch)];
  const rows = Float64Array.from({ length: count }, (_, i) => {
    const within = picked.reduce((sum, n, axis) => {
      const at = data[i * depth + axis]!;
      if (at < -n || at >= n) throw new BuildError(`index ${at} is outside axis ${batchAxes + axis} of [${x.shape}]`);
      return sum + (at < 0 ? at + n : at) * strides[axis]!;
    }, 0);
    return Math.floor(i / each) * sizeOf(picked) + within;
  });
  const flat = reshape(x, [sizeOf([...batch, ...picked]), ...x.shape.slice(batchAxes + depth)]);
  return gather(flat, constant({ dtype: 'int64', shape: shape.slice(0, -1), data: rows }), 0);
}

export const gatherRules: Rules = {
  Gather: (call) => [gatherRule(call, false)],
  GatherElements: (call) => [gatherRule(call, true)],
  GatherND: (call) => [gatherND(call)],
};
