import { constant, floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { equal } from '../ops/compare.ts';
import { add, cast, div, maximum, minimum, mul, relu, step, stopGradient, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { argMax, reduceMax, reduceSum } from '../ops/reduce.ts';
import { euclidean } from './euclidean.ts';

export type BoundaryVariant = 'fill' | 'expand';

/** Larger than any distance of unit vectors. */
const FAR = 8;

/**
 * Boundary-preserving intra-divergence: pushes each image away from its nearest one of the same class (the easy positive) in the
 * teacher's feature space, but never past a bound that keeps the class as it is. `features` [B,D] are the teacher's penultimate
 * ones, `targets` [B,K] one-hot; with ep the nearest and hp the farthest of the same class, hn the nearest of another:
 * `fill`: mean [ min(d(i,hp), d(i,hn) - margin) - d(i,ep) ]+ ; `expand`: mean [ d(i,hn) - margin - d(i,ep) ]+ .
 * The gradient flows through d(i,ep) alone.
 * Source of the aim: DearKD, CVPR 2022, section 3.4 (DF-DearKD). Our choice: the form; the paper's own could not be had.
 */
export function boundaryDivergence(
  features: Tensor,
  targets: Tensor,
  margin: number,
  variant: BoundaryVariant,
): Tensor {
  const B = features.shape[0]!;
  const z = div(features, maximum(euclidean(features, { axes: [1], keepDims: true }), 1e-12));
  const fixed = stopGradient(z);
  const { same, other } = pairMasks(targets, B);
  // -2 (1 - cos) grows as a pair comes nearer; what is masked out is out of reach.
  const nearness = sub(mul(matmul(fixed, fixed, { transB: true }), 2), 2);
  const chosen = (score: Tensor, mask: Tensor) => firstLargest(sub(score, mul(sub(1, mask), FAR)));
  const easy = chosen(nearness, same);
  // The distance itself is taken from the difference: for near pairs 2 - 2 cos has lost its digits.
  const distance = (from: Tensor, choice: Tensor) => euclidean(sub(from, matmul(choice, from)), { axes: [1] });
  const toEasy = distance(z, easy);
  const [hasSame, hasOther] = [reduceMax(same, { axes: [1] }), reduceMax(other, { axes: [1] })];
  const toOther = sub(distance(fixed, chosen(nearness, other)), margin);
  const toHard = distance(fixed, chosen(mul(nearness, -1), same));
  // In a batch of one class nothing bounds `expand`, so it is 0; for `fill` the class's own extent bounds.
  const bound = variant === 'expand' ? toOther : minimum(toHard, add(toOther, mul(sub(1, hasOther), FAR)));
  const counts = variant === 'expand' ? mul(hasSame, hasOther) : hasSame;
  return mul(reduceSum(mul(relu(sub(bound, toEasy)), stopGradient(counts))), 1 / B);
}

/** Which pairs are of one class (an image and itself are none), and which are of two: 0/1 [B,B]. */
function pairMasks(targets: Tensor, B: number): { same: Tensor; other: Tensor } {
  const alike = step(matmul(targets, targets, { transB: true }), 0.5);
  const itself = floats(
    [B, B],
    Float64Array.from({ length: B * B }, (_, i) => (i % (B + 1) === 0 ? 1 : 0)),
  );
  return { same: sub(alike, itself), other: sub(1, alike) };
}

/** Rows [B,B] that are 1 at each row's first largest element. */
function firstLargest(score: Tensor): Tensor {
  const B = score.shape[1]!;
  const columns = constant({ dtype: 'int64', shape: [1, B], data: Array.from({ length: B }, (_, i) => i) });
  return cast(equal(argMax(score, { axis: 1, keepDims: true }), columns), 'float32');
}
