import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { add, mul } from '../ops/elementwise.ts';
import { concat, slice } from '../ops/movement.ts';
import type { Grid } from './mhca.ts';

/** The turns of all tokens [N,d], N = prefix + rows * columns. */
interface Turns {
  readonly cos: Float64Array;
  /** Its first half negative, so that a turn is x cos + (halves of x changed over) sin. */
  readonly sin: Float64Array;
}

/**
 * Rotary positions of DINOv3 (arXiv 2508.10104, section 3.2; RoPE: 2104.09864): a query or key [B,H,N,d] of a patch at row y, column
 * x, both from -1 to 1, is turned by 2 pi [y f, x f], where f are d/4 frequencies theta^(-k / (d/4)); pairs are the two halves of
 * d. Tokens before the patches are not turned.
 */
export function rotary(x: Tensor, grid: Grid, theta: number): Tensor {
  const [N, d] = [x.shape[2]!, x.shape[3]!];
  const { cos, sin } = turns(grid, d, theta);
  const table = (values: Float64Array) => floats([1, 1, N, d], values);
  const changedOver = concat([slice(x, 3, d / 2, d), slice(x, 3, 0, d / 2)], 3);
  return add(mul(x, table(cos)), mul(changedOver, table(sin)));
}

function turns({ rows, columns, prefix }: Grid, d: number, theta: number): Turns {
  const size = (prefix + rows * columns) * d;
  const [cos, sin] = [new Float64Array(size).fill(1, 0, prefix * d), new Float64Array(size)];
  const quarter = d / 4;
  for (let patch = 0; patch < rows * columns; patch++) {
    const y = (2 * (Math.floor(patch / columns) + 0.5)) / rows - 1;
    const x = (2 * ((patch % columns) + 0.5)) / columns - 1;
    for (let i = 0; i < d; i++) {
      const k = i % (d / 2);
      const angle = 2 * Math.PI * (k < quarter ? y : x) * theta ** (-(k % quarter) / quarter);
      const at = (prefix + patch) * d + i;
      cos[at] = Math.cos(angle);
      sin[at] = i < d / 2 ? -Math.sin(angle) : Math.sin(angle);
    }
  }
  return { cos, sin };
}
