import { constant, floats } from '../graph/build.ts';
import type { Tensor } from '../graph/tensor.ts';
import { add, cast, div, exp, mul, relu, sqrt, sub } from '../ops/elementwise.ts';
import { less } from '../ops/compare.ts';
import { matmul } from '../ops/matmul.ts';
import { concat } from '../ops/movement.ts';
import { reduceMean, reduceSum, reduceSumSquare } from '../ops/reduce.ts';
import { logSoftmax } from '../ops/softmax.ts';
import { meanSquaredError } from './hidden.ts';
import { smoothL1 } from './smoothL1.ts';

/** x / |x| along the last axis; a vector of nothing stays one. */
export function unit(x: Tensor): Tensor {
  return div(x, sqrt(add(reduceSumSquare(x, { axes: [-1], keepDims: true }), 1e-12)));
}

/**
 * 0.9 (1 - cos) + 0.1 smooth L1, of vectors along the last axis: means over all vectors, and over all channels. 0 where they agree.
 * Source: AM-RADIO, arXiv 2312.06709 (section 3.3), whose weights these are; there for dense features.
 */
export function cosineSmoothL1(x: Tensor, target: Tensor): Tensor {
  const cosine = reduceMean(reduceSum(mul(unit(x), unit(target)), { axes: [-1] }));
  return add(mul(sub(1, cosine), 0.9), mul(smoothL1(x, target), 0.1));
}

/** Embeddings of a teacher that were seen before, [M,E] of length 1, the newest first, and how many of them there are, [1]. */
export interface Queue {
  readonly keys: Tensor;
  readonly filled: Tensor;
}

export interface Temperatures {
  readonly student: number;
  readonly teacher: number;
}

/**
 * KL of the teacher's similarities to the student's, over the teacher's embeddings of this batch and of a queue: both are [B,E] of
 * length 1, and the student is compared with the teacher's keys alone. Mean over the batch; 0 where they agree. Slots that are not
 * filled have probability 0.
 * Source: SEED, arXiv 2101.04731, equation 5 (the own embedding beside the queue); CompRess, arXiv 2010.14713, 1q (one queue, of the
 * teacher, one temperature).
 */
export function queueLoss(student: Tensor, teacher: Tensor, { keys, filled }: Queue, t: Temperatures): Tensor {
  const [B, M] = [student.shape[0]!, keys.shape[0]!];
  const all = concat([teacher, keys], 0); // B + M, E
  const slots = constant({ dtype: 'float32', shape: [M], data: Float32Array.from({ length: M }, (_, i) => i) });
  // exp of it is 0 in float32, and 0 times it is still 0.
  const empty = mul(sub(cast(less(slots, filled), 'float32'), 1), 1e9);
  const open = concat([floats([B], new Float32Array(B)), empty], 0);
  const over = (own: Tensor, temperature: number) =>
    logSoftmax(add(matmul(own, all, { transB: true, alpha: 1 / temperature }), open));
  const [p, q] = [over(teacher, t.teacher), over(student, t.student)];
  return mul(reduceSum(mul(exp(p), sub(p, q))), 1 / B);
}

/**
 * Mean squared error of the cosines between the places of an image, features [B,N,D] of any two widths.
 * Source: the Gram loss of DINOv3, arXiv 2508.10104, section 4.2; `clamp`: cosines below 0 count as 0, an option of its code.
 */
export function gramLoss(student: Tensor, teacher: Tensor, clamp = false): Tensor {
  const gram = (features: Tensor): Tensor => {
    const f = unit(features);
    const cosines = matmul(f, f, { transB: true }); // B N N
    return clamp ? relu(cosines) : cosines;
  };
  return meanSquaredError(gram(student), gram(teacher));
}
