import type { Tensor } from '../graph/tensor.ts';
import { greater } from '../ops/compare.ts';
import { add, cast, div, maximum, mul, stopGradient, sub } from '../ops/elementwise.ts';
import { reshape, slice } from '../ops/movement.ts';
import { reduceSum } from '../ops/reduce.ts';
import { logSoftmax, softmax } from '../ops/softmax.ts';
import { crossEntropy, hardLabels } from './crossEntropy.ts';
import { logSoftmaxWithout } from './withoutTarget.ts';

export interface UskdTerms {
  /** -mean_b sum over the targets of p_t log s_t. */
  readonly target: Tensor;
  /** -mean_b sum over the other classes of zipf_i log s^_i. */
  readonly nonTarget: Tensor;
  /** Cross entropy of the auxiliary head with labels smoothed by 0.1; without the weight mu. */
  readonly weak: Tensor;
}

const ROW = { axes: [1], keepDims: true };

/**
 * Universal self-knowledge distillation, "From Knowledge Distillation to Self-Knowledge Distillation" (ICCV 2023), section 4,
 * as in the authors' code of March 2023 (github.com/yzd-v/cls_KD, uskd.py, 87a7197): the student is its own teacher. In July 2023
 * that code put log s in the place of s, which the ranks read afterwards; the paper's formula and this one have s. The losses of
 * the two are up to 4 % apart, their gradients 9 % (100 classes).
 * @param student its logits [B,K]
 * @param weak logits [B,K] of an auxiliary head on a middle feature
 * @param targets label rows [B,K]; the two largest entries above 0 are the targets
 */
export function uskd(student: Tensor, weak: Tensor, targets: Tensor): UskdTerms {
  const B = student.shape[0]!;
  const [first, second] = topTwo(targets);
  const s = stopGradient(softmax(student));
  const log = logSoftmax(student);
  const soft = (mask: Tensor) => mul(reduceSum(mul(mul(targetWeight(s, targets, mask), mask), log)), -1 / B);
  const drop = add(first, second);
  const share = mul(zipf(add(odds(stopGradient(softmax(weak)), drop), odds(s, drop))), sub(1, drop));
  const others = div(share, reduceSum(share, ROW));
  return {
    target: add(soft(first), soft(second)),
    nonTarget: mul(reduceSum(mul(others, logSoftmaxWithout(student, drop))), -1 / B),
    weak: crossEntropy(weak, targets, 0.1),
  };
}

/**
 * 0/1 masks [B,K] of each row's largest and second largest entry. Our choice: an entry of 0 is no target, so that a one-hot row
 * has a single one (the reference would drop some other class at random from such a row of a mixed batch).
 */
function topTwo(rows: Tensor): [Tensor, Tensor] {
  const first = hardLabels(rows);
  const rest = mul(rows, sub(1, first));
  return [first, mul(hardLabels(rest), cast(greater(rest, 0), 'float32'))];
}

/**
 * p_t = s_t^2 + v - mean_batch(s_t^2), [B,1]; `mask` [B,K] has the target's place, v is its label.
 * Our choice: the mean is over the rows that have this target.
 */
function targetWeight(s: Tensor, rows: Tensor, mask: Tensor): Tensor {
  const square = reduceSum(mul(mul(s, s), mask), ROW);
  const mean = div(reduceSum(square), maximum(reduceSum(mask), 1));
  return sub(add(square, reduceSum(mul(rows, mask), ROW)), mean);
}

/** p / (1 - sum of the targets' p + 1e-6). */
function odds(p: Tensor, drop: Tensor): Tensor {
  return div(p, add(sub(1, reduceSum(mul(p, drop), ROW)), 1e-6));
}

/** Classes that are compared with all others at once: bounds the memory to B x K x 64. */
const CHUNK = 64;

/** 1 / rank in the row, the largest has rank 1, [B,K]. Our choice: equal entries share the better rank. No gradient. */
function zipf(r: Tensor): Tensor {
  const [B, K] = r.shape as [number, number];
  const own = reshape(r, [B, K, 1]);
  const counts: Tensor[] = [];
  for (let start = 0; start < K; start += CHUNK) {
    const end = Math.min(K, start + CHUNK);
    const some = reshape(slice(r, 1, start, end), [B, 1, end - start]);
    counts.push(reduceSum(cast(greater(some, own), 'float32'), { axes: [2] })); // B K
  }
  const larger = counts.reduce((a, b) => add(a, b));
  return div(1, add(larger, 1));
}
