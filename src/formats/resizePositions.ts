import { plainCubicMatrix, resizeMatrix } from '../nn/resize.ts';

/**
 * Position embeddings [1, prefix + from^2, D] resized to a grid of `to` x `to`: bicubic with antialiasing, as timm's
 * resample_abs_pos_embed, or without (PyTorch's interpolate). The rows of the `prefix` tokens stay as they are.
 */
export function resizePositions(
  data: Float32Array,
  { prefix, from, to, width, smooth = true }: Resizing,
): Float32Array {
  const weights = smooth ? resizeMatrix(to, from) : plainCubicMatrix(to, from); // to from
  const out = new Float32Array((prefix + to * to) * width);
  out.set(data.subarray(0, prefix * width));
  const grid = data.subarray(prefix * width); // from from D
  const tall = mix(weights, grid, to, from, from * width); // to from D
  for (let row = 0; row < to; row++) {
    const line = tall.subarray(row * from * width, (row + 1) * from * width);
    out.set(mix(weights, line, to, from, width), (prefix + row * to) * width);
  }
  return out;
}

interface Resizing {
  readonly prefix: number;
  readonly from: number;
  readonly to: number;
  readonly width: number;
  /** With antialiasing. */
  readonly smooth?: boolean;
}

/** weights [out,from] times rows [from,size]. */
function mix(weights: Float64Array, rows: ArrayLike<number>, out: number, from: number, size: number): Float64Array {
  const result = new Float64Array(out * size);
  for (let i = 0; i < out; i++)
    for (let j = 0; j < from; j++) {
      const weight = weights[i * from + j]!;
      if (weight === 0) continue;
      for (let k = 0; k < size; k++) result[i * size + k] = result[i * size + k]! + weight * rows[j * size + k]!;
    }
  return result;
}
