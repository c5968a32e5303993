import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { matmul } from '../ops/matmul.ts';

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
  const scale = from / out;
  const stretch = Math.max(1, scale);
  for (let i = 0; i < out; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - 2 * stretch + 0.5));
    const last = Math.min(from, Math.floor(centre + 2 * stretch + 0.5));
    let total = 0;
    for (let j = first; j < last; j++) total += cubic((j + 0.5 - centre) / stretch);
    for (let j = first; j < last; j++) data[i * from + j] = cubic((j + 0.5 - centre) / stretch) / total;
  }
  return data;
}

function cubic(x: number): number {
  const [a, t] = [-0.5, Math.abs(x)];
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}
