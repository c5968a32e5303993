import type { Tensor } from '../graph/tensor.ts';
import type { NormStat } from '../nn/layers.ts';
import { add, mul, sub } from '../ops/elementwise.ts';
import { reshape } from '../ops/movement.ts';
import { reduceMean, reduceSumSquare } from '../ops/reduce.ts';
import { euclidean } from './euclidean.ts';

/** How far a batch's statistics at one BatchNorm are from the running ones. */
export interface NormGap {
  readonly name: string;
  /** ||mean(x) - running mean||_2, a scalar. */
  readonly mean: Tensor;
  /** ||var(x) - running variance||_2, a scalar; the biased variance. */
  readonly variance: Tensor;
}

/** The gap at the input [B,C,h,w] of each BatchNorm, over batch and space. */
export function normGaps(stats: readonly NormStat[]): NormGap[] {
  return stats.map(({ name, input, mean, variance }) => {
    const C = mean.shape[0]!;
    // Shifted by the running mean, near which the batch's is: the variance then comes of sums alone, and nothing cancels.
    const shifted = sub(input, reshape(mean, [1, C, 1, 1]));
    const count = input.shape[0]! * input.shape[2]! * input.shape[3]!;
    // Space first, then the batch: the first sum is over what lies together.
    const shift = reduceMean(reduceMean(shifted, { axes: [2, 3] }), { axes: [0] });
    const square = mul(sumOverBatch(reduceSumSquare(shifted, { axes: [2, 3] })), 1 / count);
    return { name, mean: euclidean(shift), variance: euclidean(sub(sub(square, mul(shift, shift)), variance)) };
  });
}

const sumOverBatch = (x: Tensor): Tensor => mul(reduceMean(x, { axes: [0] }), x.shape[0]!);

/**
 * The sum of all gaps, that of the first BatchNorm times `firstMultiplier`. 0 for a batch whose statistics are the running
 * ones. Source: DeepInversion, arXiv 1912.08795, equation 4 (feature regularisation); the first multiplier is the authors' code's.
 */
export function normPrior(stats: readonly NormStat[], firstMultiplier = 1): Tensor {
  return normGaps(stats)
    .map(({ mean, variance }, i) => mul(add(variance, mean), i === 0 ? firstMultiplier : 1))
    .reduce((a, b) => add(a, b));
}
