import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { matmul } from '../ops/matmul.ts';
import { cubic, resamplingSpan } from './resampling.ts';

/**
 * Resizes maps [B,C,h,w] by two constant matrices: bicubic (a = -0.5) with antialiasing when it shrinks, as Pillow's
 * Image.resize does. Being products, the resize is differentiable and part of the graph.
 */
export function resizeBicubic(x: Tensor, rows: number, columns: number): Tensor {
  const [, , h, w] = x.shape as [number, number, number, number];
  const matrix = (out: number, from: number) => floats([out, from], resizeMatrix(out, from));
  const tall = h === rows ? x : matmul(matrix(rows, h), x);
  return w === columns ? tall : matmul(tall, matrix(columns, w), { transB: true });
}

/** Weights [out,from] of the resize along one axis; each row sums to 1. */
export function resizeMatrix(out: number, from: number): Float64Array {
  const data = new Float64Array(out * from);
  for (let i = 0; i < out; i++) {
    const { first, weights } = resamplingSpan(i, from, out);
    data.set(weights, i * from + first);
  }
  return data;
}

/**
 * Weights [out,from] of PyTorch's interpolate, bicubic without antialiasing and align_corners: a = -0.75, and beyond the border its
 * last value again.
 */
export function plainCubicMatrix(out: number, from: number): Float64Array {
  const data = new Float64Array(out * from);
  for (let i = 0; i < out; i++) {
    const centre = ((i + 0.5) * from) / out - 0.5;
    const first = Math.floor(centre) - 1;
    for (let at = first; at < first + 4; at++) {
      const pixel = Math.min(Math.max(at, 0), from - 1);
      data[i * from + pixel] = data[i * from + pixel]! + cubic(at - centre, -0.75);
    }
  }
  return data;
}
