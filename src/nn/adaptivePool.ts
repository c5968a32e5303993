import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/movement.ts';

/** torch's adaptive_avg_pool2d: output row i averages the input rows floor(i h/H) to ceil((i+1) h/H). */
export function adaptiveAveragePool(x: Tensor, rows: number, columns: number): Tensor {
  const [, , h, w] = x.shape as [number, number, number, number];
  const down = h === rows ? x : matmul(poolingMatrix(rows, h), x); // rows h @ B C h w
  return w === columns ? down : matmul(down, poolingMatrix(columns, w), { transB: true });
}

/** The same of what lies on the places [B,h,w,C], channels last. */
export function adaptiveAveragePoolLast(x: Tensor, rows: number, columns: number): Tensor {
  const [B, h, w, C] = x.shape as [number, number, number, number];
  const down = h === rows ? x : matmul(poolingMatrix(rows, h), reshape(x, [B, h, w * C])); // B rows wC
  const across = w === columns ? down : matmul(poolingMatrix(columns, w), reshape(down, [B * rows, w, C]));
  return reshape(across, [B, rows, columns, C]);
}

function poolingMatrix(out: number, from: number): Tensor {
  const data = new Float64Array(out * from);
  for (let i = 0; i < out; i++) {
    const [start, end] = [Math.floor((i * from) / out), Math.ceil(((i + 1) * from) / out)];
    data.fill(1 / (end - start), i * from + start, i * from + end);
  }
  return floats([out, from], data);
}
