import type { Tensor } from '../graph/tensor.ts';
import { mul, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reduceSum, reduceSumSquare } from '../ops/reduce.ts';
import { meanSquaredError } from './hidden.ts';

/**
 * How ViTKD's squared errors are summed.
 * `reference`: over tokens and channels, divided by the batch only (and by the mask ratio), as in the authors' code
 * (github.com/yzd-v/cls_KD, vitkd.py): the weight then grows with the number of tokens.
 * `per-element`: the mean over tokens (the masked ones) and channels, times 196 D. Our choice: the same number as `reference`
 * on the paper's 14 x 14 tokens with a mask ratio of 0.5, and of the same strength on any other grid.
 */
export type VitkdScale = 'reference' | 'per-element';

/** Tokens of an image of 224 px in patches of 16, for which the paper's weights hold. */
const REFERENCE_TOKENS = 196;

/** Squared error of features [B,N,D]. Source: ViTKD, arXiv 2209.02432, equation 2 (mimicking). */
export function mimicLoss(student: Tensor, teacher: Tensor, scale: VitkdScale): Tensor {
  const [B, N] = teacher.shape as [number, number, number];
  return mul(reduceSumSquare(sub(student, teacher)), scale === 'reference' ? 1 / B : REFERENCE_TOKENS / (B * N));
}

/** Which tokens were masked: 0/1 [B,N], exactly `count` ones a row, and the ratio that was asked for. */
export interface Masked {
  readonly mask: Tensor;
  readonly count: number;
  readonly ratio: number;
}

/**
 * Squared error on the masked tokens between what was generated and the teacher's features [B,N,D]. Source: ViTKD, equation 4.
 * Our choice: without a mask (undefined) all tokens count and nothing is divided by the ratio, which would be 0.
 */
export function generationLoss(
  generated: Tensor,
  teacher: Tensor,
  masked: Masked | undefined,
  scale: VitkdScale,
): Tensor {
  if (!masked) return mimicLoss(generated, teacher, scale);
  const B = teacher.shape[0]!;
  const error = reduceSum(mul(squaredRows(generated, teacher), masked.mask));
  return mul(error, scale === 'reference' ? 1 / (B * masked.ratio) : REFERENCE_TOKENS / (B * masked.count));
}

/** Squared error of each token, [B,N]. */
function squaredRows(a: Tensor, b: Tensor): Tensor {
  return reduceSumSquare(sub(a, b), { axes: [2] });
}

/**
 * Mean squared error of the tokens' relations F F' / sqrt(D), [B,N,N]. In the authors' code, tried and dropped: off by default.
 */
export function relationLoss(student: Tensor, teacher: Tensor): Tensor {
  const relation = (f: Tensor) => matmul(f, f, { transB: true, alpha: 1 / Math.sqrt(f.shape[2]!) });
  return meanSquaredError(relation(student), relation(teacher));
}
