import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/movement.ts';

/** The sides of a grid of tokens. */
export interface Sides {
  readonly rows: number;
  readonly columns: number;
}

/**
 * Tokens [B, h w, D] on another grid, bilinear without antialiasing and with align_corners false, as PyTorch's `interpolate` does:
 * two products with constant matrices, so that its gradient is theirs.
 */
export function resizeTokens(x: Tensor, from: Sides, to: Sides): Tensor {
  const [B, , D] = x.shape as [number, number, number];
  const matrix = (out: number, length: number) => floats([out, length], bilinearMatrix(out, length));
  const wide = reshape(x, [B, from.rows, from.columns * D]);
  const tall = from.rows === to.rows ? wide : matmul(matrix(to.rows, from.rows), wide); // B h' (w D)
  const lines = reshape(tall, [B * to.rows, from.columns, D]);
  const sized = from.columns === to.columns ? lines : matmul(matrix(to.columns, from.columns), lines); // (B h') w' D
  return reshape(sized, [B, to.rows * to.columns, D]);
}

/** Weights [out,from] of the resize along one axis; each row sums to 1. */
export function bilinearMatrix(out: number, from: number): Float64Array {
  const data = new Float64Array(out * from);
  for (let i = 0; i < out; i++) {
    const at = Math.max(0, ((i + 0.5) * from) / out - 0.5);
    const [below, part] = [Math.floor(at), at % 1];
    data[i * from + below]! += 1 - part;
    data[i * from + Math.min(below + 1, from - 1)]! += part;
  }
  return data;
}
