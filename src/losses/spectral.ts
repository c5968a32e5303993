import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { matmul } from '../ops/matmul.ts';
import { concat, transpose } from '../ops/movement.ts';
import { meanSquaredError } from './hidden.ts';

/**
 * Mean squared error of the orthonormal two-dimensional Fourier transforms of token features [B,N,D] over their grid, real and
 * imaginary parts beside each other, half of the last axis as for real numbers. SpectralKD's loss, as in WideLast's code
 * (arXiv 2511.15572). Our choice: products with fixed matrices, which any number of tokens that a ViT has can afford.
 */
export function spectralError(a: Tensor, b: Tensor, grid: { readonly rows: number; readonly columns: number }): Tensor {
  const waves = wavesOf(grid); // N 2M
  const spectrum = (x: Tensor) => matmul(transpose(x, [0, 2, 1]), waves); // B D 2M
  return meanSquaredError(spectrum(a), spectrum(b));
}

function wavesOf({ rows, columns }: { readonly rows: number; readonly columns: number }): Tensor {
  const [N, half] = [rows * columns, Math.floor(columns / 2) + 1];
  const part = (of: (angle: number) => number) =>
    floats(
      [N, rows * half],
      Array.from({ length: N * rows * half }, (_, at) => {
        const [token, wave] = [Math.floor(at / (rows * half)), at % (rows * half)];
        const down = (Math.floor(token / columns) * Math.floor(wave / half)) / rows;
        const across = ((token % columns) * (wave % half)) / columns;
        return of(2 * Math.PI * (down + across)) / Math.sqrt(N);
      }),
    );
  return concat([part(Math.cos), part((angle) => -Math.sin(angle))], 1);
}
