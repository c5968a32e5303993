import { BuildError } from '../graph/errors.ts';
import { broadcastOffset, fromFunction, type NdArray } from '../graph/ndArray.ts';
import { broadcastShapes, stridesOf } from '../graph/shape.ts';
import type { Inputs, Tensor } from '../graph/tensor.ts';
import type { DType } from '../graph/dtype.ts';

/** The input, which must be there and, where given, of one dtype. */
export function need(inputs: Inputs, index: number): Tensor {
  const tensor = inputs[index];
  if (!tensor) throw new BuildError(`input ${index} is missing`);
  return tensor;
}

export function sameDtype(...tensors: Tensor[]): DType {
  const dtype = tensors[0]!.dtype;
  for (const t of tensors)
    if (t.dtype !== dtype) throw new BuildError(`dtypes differ: ${tensors.map((x) => x.dtype).join(', ')}`);
  return dtype;
}

export function mapBroadcast(f: (...values: number[]) => number, dtype?: DType) {
  return (inputs: readonly (NdArray | undefined)[]): NdArray[] => {
    const xs = inputs.map((x) => x!);
    const strides = xs.map((x) => stridesOf(x.shape));
    const values = new Array<number>(xs.length);
    const at = (position: readonly number[]) => {
      for (let i = 0; i < xs.length; i++) values[i] = xs[i]!.data[broadcastOffset(xs[i]!.shape, position, strides[i])]!;
      return f(...values);
    };
    return [fromFunction(broadcastShapes(...xs.map((x) => x.shape)), at, dtype ?? xs[0]!.dtype)];
  };
}
