import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/movement.ts';

/**
 * Square images [B,C,S,S] at a smaller size: each pixel is the mean of the area that it covers, as two products with constant matrices.
 * For a size that divides S it is average pooling.
 */
export function shrink(pixels: Tensor, size: number): Tensor {
  const [B, C, S] = pixels.shape as [number, number, number];
  if (size === S) return pixels;
  const matrix = areaMatrix(size, S);
  const across = floats([S, size], transposed(matrix, size, S));
  const narrow = matmul(reshape(pixels, [B * C * S, S]), across); // (B C S) size
  return reshape(matmul(floats([size, S], matrix), reshape(narrow, [B * C, S, size])), [B, C, size, size]);
}

/** Weights [out,from] of the mean over areas along one axis; each row sums to 1. */
function areaMatrix(out: number, from: number): Float64Array {
  const data = new Float64Array(out * from);
  const length = from / out;
  for (let i = 0; i < out; i++)
    for (let j = Math.floor(i * length); j < Math.min(from, Math.ceil((i + 1) * length)); j++)
      data[i * from + j] = Math.max(0, Math.min(j + 1, (i + 1) * length) - Math.max(j, i * length)) / length;
  return data;
}

const transposed = (matrix: Float64Array, rows: number, columns: number): Float64Array =>
  matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
