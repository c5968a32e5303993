import { floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { add, div, mul, sigmoid, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { pad, reshape, transpose } from '../ops/movement.ts';
import { reduceSum } from '../ops/reduce.ts';
import { softmax } from '../ops/softmax.ts';
import { contentScores } from './attention.ts';
import { ONES, type Scope } from './scope.ts';

/** Settings of a Multi-Head Convolutional-Attention layer. */
export interface MhcaOptions {
  /**
   * How the positional attention joins the content attention. Our choice (the paper's formula could not be obtained): `sum`.
   * `gated` is the attention of ConViT's GPSA (arXiv 2103.10697, section 3); `logits` adds the two before one softmax. Not taken
   * over from ConViT: the value projection that begins as the identity, and layers without a class token (patch rows here give
   * it their content part).
   */
  readonly combine: 'sum' | 'logits' | 'gated';
  /** Dropout on the positional attention's probabilities; at 1 the layer is plain attention. Paper: there is one; our choice: 0.1. */
  readonly dropout: number;
  /** Strength of the convolution-like initialisation; ConViT's is 1. */
  readonly locality: number;
}

/** The token grid that positions are taken on. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  /** Tokens before the patches (class token, distillation token); they have no position. */
  readonly prefix: number;
}

/**
 * Multi-Head Convolutional-Attention, DearKD (CVPR 2022). Paper: content attention plus a term on relative positions that lets
 * heads act as a convolution (Cordonnier et al., ICLR 2020), with dropout so that attention does not concentrate locally.
 * Our choice of form: A = S_c + Dropout(S_p), rows normalised; S_p = softmax_j(v^h . r_ij), r = (|delta|^2, delta_y, delta_x),
 * patch to patch only, so that the class rows stay pure content attention.
 */
export function mhcaScores(
  s: Scope,
  q: Tensor,
  k: Tensor,
  grid: Grid,
  { combine, dropout, locality }: MhcaOptions,
): Tensor {
  const [B, H, N] = q.shape as [number, number, number];
  const content = contentScores(q, k);
  const positionLogits = s.in('pos_proj', (s) => positional(s, H, grid, locality)); // H Np Np
  const [lead, Np] = [grid.prefix, grid.rows * grid.columns];
  const whole = (patches: Tensor) =>
    reshape(
      pad(
        patches,
        leading(patches, lead),
        patches.shape.map(() => 0),
      ),
      [...patches.shape.slice(0, -2), N, N],
    );
  const gate = combine === 'gated' ? reshape(sigmoid(s.param('gating_param', [H], ONES)), [1, H, 1, 1]) : undefined;
  if (dropout >= 1) return content;
  const drops = s.training && dropout > 0;
  const mask = drops ? s.noise('posMask', [B, H, Np, Np], 1 - dropout) : undefined;
  if (combine === 'logits') {
    const scaled = matmul(q, k, { transB: true, alpha: 1 / Math.sqrt(q.shape[3]!) });
    const joint = softmax(add(scaled, whole(positionLogits)));
    // Our choice: a dropped pair falls back to its content attention, so that dropping all is plain attention.
    const use = whole(mask ?? floats([1, 1, Np, Np], new Array<number>(Np * Np).fill(1)));
    return normaliseRows(add(content, mul(use, sub(joint, content))));
  }
  const probabilities = reshape(softmax(positionLogits), [1, H, Np, Np]);
  const kept = whole(mask ? mul(mask, mul(probabilities, 1 / (1 - dropout))) : probabilities);
  return normaliseRows(gate ? add(mul(content, sub(1, gate)), mul(kept, gate)) : add(content, kept));
}

const leading = (t: Tensor, prefix: number): number[] =>
  t.shape.map((_, axis) => (axis >= t.shape.length - 2 ? prefix : 0));

function normaliseRows(weights: Tensor): Tensor {
  return div(weights, reduceSum(weights, { axes: [weights.shape.length - 1], keepDims: true }));
}

/** v^h . r_ij for all pairs of patches: [H,Np,Np]. */
function positional(s: Scope, heads: number, { rows, columns }: Grid, locality: number): Tensor {
  const Np = rows * columns;
  const weight = s.param('weight', [heads, 3], { kind: 'values', values: convolutionalInit(heads, locality) });
  const product = matmul(relativePositions(rows, columns), weight, { transB: true }); // NpNp H
  return reshape(transpose(product, [1, 0]), [heads, Np, Np]);
}

/** r_ij = (|delta|^2, delta_y, delta_x) with delta = position of j - position of i: [Np*Np,3]. */
export function relativePositions(rows: number, columns: number): Tensor {
  const Np = rows * columns;
  const data = new Float32Array(Np * Np * 3);
  for (let i = 0, at = 0; i < Np; i++)
    for (let j = 0; j < Np; j++) {
      const y = Math.floor(j / columns) - Math.floor(i / columns);
      const x = (j % columns) - (i % columns);
      data[at++] = y * y + x * x;
      data[at++] = y;
      data[at++] = x;
    }
  return floats([Np * Np, 3], data);
}

/**
 * ConViT's start of the positions: head h looks at its own centre Delta of a K x K grid, v^h = locality (-1, 2 Delta_y, 2 Delta_x), so that
 * v.r = -locality |delta - Delta|^2 + constant. Our choice: with more heads than K^2 = floor(sqrt H)^2 centres, centres repeat.
 * The authors count centres by columns; the order of heads is free.
 */
export function convolutionalInit(heads: number, locality: number): number[] {
  const K = Math.floor(Math.sqrt(heads));
  const centre = (K - 1) / 2;
  return Array.from({ length: heads }, (_, h) => {
    const [row, column] = [Math.floor((h % (K * K)) / K), h % K];
    return [-locality, 2 * locality * (row - centre), 2 * locality * (column - centre)];
  }).flat();
}
