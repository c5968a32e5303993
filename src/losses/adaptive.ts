import type { Tensor } from '../graph/tensor.ts';
import { add, clip, log, mul, sub } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { softmax } from '../ops/softmax.ts';

const TEMPERATURE = 3;

/**
 * Adaptive DeepInversion: 1 - clamp(JS, 0, 1) of student and teacher logits [B,K] at temperature 3. Low where they disagree, so
 * that images are made which the student does not know yet. The probabilities and their mean are clamped to [.01, .99], and the
 * divergence is 0.5 KL(M || P) + 0.5 KL(M || Q), as in the authors' code; the paper's has its arguments the other way round.
 * Source: DeepInversion, arXiv 1912.08795, equations 6 and 7.
 */
export function adaptivePrior(student: Tensor, teacher: Tensor): Tensor {
  const B = student.shape[0]!;
  const bounded = (x: Tensor) => clip(x, 0.01, 0.99);
  const [p, q] = [softmax(mul(student, 1 / TEMPERATURE)), softmax(mul(teacher, 1 / TEMPERATURE))];
  const m = bounded(mul(add(p, q), 0.5));
  const both = mul(add(log(bounded(p)), log(bounded(q))), 0.5);
  const divergence = mul(reduceSum(mul(m, sub(log(m), both))), 1 / B);
  return sub(1, clip(divergence, 0, 1));
}
