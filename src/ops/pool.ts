import { apply1, floats } from '../graph/build.ts';
import { BuildError } from '../graph/errors.ts';
import { fromFunction, type NdArray } from '../graph/ndArray.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Attrs, Inputs, Op, Tensor, TensorType } from '../graph/tensor.ts';
import { type ConvAttrs, ConvTranspose, pooledSize } from './conv.ts';
import { expectAttrs } from './elementwise.ts';
import { need } from './broadcast.ts';
import { scatterElements } from './gather.ts';
import { reshape } from './movement.ts';

export interface PoolOptions {
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: number;
}

const attrsOf = (attrs: Attrs): ConvAttrs => ({
  kernel: attrs.kernel_shape as unknown as [number, number],
  strides: attrs.strides as unknown as [number, number],
  pads: attrs.pads as unknown as [number, number, number, number],
  group: 1,
});

function inferPool(inputs: Inputs, attrs: Attrs): TensorType {
  const x = need(inputs, 0);
  if (x.shape.length !== 4) throw new BuildError(`rank 4 is needed, got ${x.shape.length}`);
  const at = attrsOf(attrs);
  expectAttrs(attrs, { auto_pad: 'NOTSET', dilations: [1, 1], ceil_mode: 0, storage_order: 0 });
  return {
    dtype: x.dtype,
    shape: [x.shape[0]!, x.shape[1]!, pooledSize(x.shape[2]!, 0, at), pooledSize(x.shape[3]!, 1, at)],
  };
}

/** Calls `visit` with the flat offset of each input element inside the window of an output position. */
function eachInWindow(x: NdArray, [b, c, y, z]: readonly number[], at: ConvAttrs, visit: (flat: number) => void): void {
  const [, C, h, w] = x.shape as [number, number, number, number];
  for (let i = 0; i < at.kernel[0]; i++)
    for (let j = 0; j < at.kernel[1]; j++) {
      const [r, s] = [y! * at.strides[0] + i - at.pads[0], z! * at.strides[1] + j - at.pads[1]];
      if (r >= 0 && r < h && s >= 0 && s < w) visit(((b! * C + c!) * h + r) * w + s);
    }
}

/** Max pooling with a second output: the flat position in x of each maximum (the first one of equals). */
export const MaxPool: Op = {
  name: 'MaxPool',
  optionalOutputs: true,
  infer: (inputs, attrs) => {
    const type = inferPool(inputs, attrs);
    return [type, { dtype: 'int64', shape: type.shape }];
  },
  vjp: ({ dy: [dy], inputs: [x], outputs: [, at] }) => {
    const flat = (t: Tensor) => reshape(t, [sizeOf(t.shape)]);
    return [reshape(scatterElements([sizeOf(x!.shape)], flat(at!), flat(dy!), 0), x!.shape)];
  },
  reference: ([x], { attrs, outputs }) => {
    const best = fromFunction(
      outputs[0]!.shape,
      (position) => {
        let found = -1;
        eachInWindow(x!, position, attrsOf(attrs), (flat) => {
          if (found < 0 || x!.data[flat]! > x!.data[found]!) found = flat;
        });
        return found;
      },
      'int64',
    );
    return [{ dtype: x!.dtype, shape: best.shape, data: Float64Array.from(best.data, (flat) => x!.data[flat]!) }, best];
  },
};

/** Average pooling. With padding the padded zeros count (`count_include_pad=1`, PyTorch's default). */
export const AveragePool: Op = {
  name: 'AveragePool',
  infer: (inputs, attrs) => {
    const counted = attrs.count_include_pad === 1 || attrsOf(attrs).pads.every((p) => p === 0);
    if (!counted) throw new BuildError('count_include_pad must be 1 where there is padding');
    return [inferPool(inputs, attrs)];
  },
  vjp: ({ node, dy: [dy], inputs: [x] }) => {
    const at = attrsOf(node.attrs);
    const [kh, kw] = at.kernel;
    const [B, C, h, w] = x!.shape as [number, number, number, number];
    const maps = reshape(dy!, [B * C, 1, dy!.shape[2]!, dy!.shape[3]!]);
    const extra = [h, w].map(
      (size, axis) =>
        size -
        ((maps.shape[axis + 2]! - 1) * at.strides[axis]! + at.kernel[axis]! - at.pads[axis]! - at.pads[axis + 2]!),
    );
    const ones = floats([1, 1, kh, kw], new Array<number>(kh * kw).fill(1 / (kh * kw)));
    const spread = apply1(ConvTranspose, [maps, ones], {
      ...node.attrs,
      count_include_pad: undefined,
      group: 1,
      output_padding: extra,
    });
    return [reshape(spread, x!.shape)];
  },
  reference: ([x], { attrs, outputs }) => {
    const at = attrsOf(attrs);
    const mean = (position: readonly number[]) => {
      let sum = 0;
      eachInWindow(x!, position, at, (flat) => {
        sum += x!.data[flat]!;
      });
      return sum / (at.kernel[0] * at.kernel[1]);
    };
    return [fromFunction(outputs[0]!.shape, mean, x!.dtype)];
  },
};

function poolAttrs({ kernel, stride = kernel, padding = 0 }: PoolOptions) {
  return { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [padding, padding, padding, padding] };
}

export const maxPool = (x: Tensor, options: PoolOptions): Tensor => apply1(MaxPool, [x], poolAttrs(options));
export const averagePool = (x: Tensor, options: PoolOptions): Tensor =>
  apply1(AveragePool, [x], { ...poolAttrs(options), count_include_pad: 1 });
