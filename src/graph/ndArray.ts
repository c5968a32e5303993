import { internal } from './errors.ts';
import { sizeOf, stridesOf } from './shape.ts';
import type { DType } from './dtype.ts';

/**
 * A dense host array, row-major. The reference engine keeps every dtype in a Float64Array (int64 is exact to 2^53);
 * constants may hold any numeric array. bool is 0 or 1.
 */
export interface NdArray {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: NumericArray;
}

export type NumericArray =
  | Float64Array
  | Float32Array
  | Uint16Array
  | Int32Array
  | Uint8Array
  | Int8Array
  | readonly number[];

export function ndArray(shape: readonly number[], data: NumericArray, dtype: DType = 'float32'): NdArray {
  if (data.length !== sizeOf(shape))
    throw internal(`ndArray: [${shape}] has ${sizeOf(shape)} elements, got ${data.length}`);
  return { dtype, shape, data };
}

export function zeros(shape: readonly number[], dtype: DType = 'float32'): NdArray & { data: Float64Array } {
  return { dtype, shape, data: new Float64Array(sizeOf(shape)) };
}

/** A new array whose element at each position is `at(position)`; the position array is reused between calls. */
export function fromFunction(
  shape: readonly number[],
  at: (position: readonly number[], flat: number) => number,
  dtype: DType = 'float32',
): NdArray {
  const out = zeros(shape, dtype);
  const position = new Array<number>(shape.length).fill(0);
  for (let flat = 0; flat < out.data.length; flat++) {
    out.data[flat] = at(position, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++position[axis]! < shape[axis]!) break;
      position[axis] = 0;
    }
  }
  return out;
}

/** Flat offset into `shape` of a position of the broadcast result (numpy rules: aligned at the right). */
export function broadcastOffset(
  shape: readonly number[],
  position: readonly number[],
  strides = stridesOf(shape),
): number {
  const shift = position.length - shape.length;
  let offset = 0;
  for (let axis = 0; axis < shape.length; axis++)
    if (shape[axis] !== 1) offset += position[axis + shift]! * strides[axis]!;
  return offset;
}
