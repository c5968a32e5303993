import type { Tensor } from '../graph/tensor.ts';
import { floats } from '../graph/build.ts';
import { add, div, mul, sqrt, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reduceMean, reduceSumSquare } from '../ops/reduce.ts';

/** Enough for eigenvalues a million times apart: each time brings the square root of a small one 1.5 times nearer to 1. */
const TIMES = 26;

/**
 * Rows [B,D] less their mean, times ((1 - eps) cov + eps I)^(-1/2): uncorrelated, with variance 1 wherever they varied by more than
 * eps (VkD's author for generation; biased covariance).
 * Our choice: the symmetric root, where the author takes Cholesky's. The two differ by a rotation, and this one needs products of
 * B x B matrices alone: X f(X^T X) = f(X X^T) X, and with more channels than rows X X^T is the smaller. No gradient is taken of it.
 */
export function whiten(x: Tensor, epsilon: number): Tensor {
  const B = x.shape[0]!;
  const centred = sub(x, reduceMean(x, { axes: [0], keepDims: true }));
  const identity = floats(
    [B, B],
    Array.from({ length: B * B }, (_, i) => Number(i % (B + 1) === 0)),
  );
  const scaled = matmul(centred, centred, { transB: true, alpha: (1 - epsilon) / B });
  return matmul(inverseRoot(add(scaled, mul(identity, epsilon)), identity), centred);
}

/** A^(-1/2) of a symmetric positive A by the coupled iteration of Newton and Schulz (Higham, Functions of Matrices, 6.35). */
function inverseRoot(A: Tensor, identity: Tensor): Tensor {
  const size = sqrt(reduceSumSquare(A));
  let [Y, Z] = [div(A, size), identity];
  for (let time = 0; time < TIMES; time++) {
    const T = sub(mul(identity, 1.5), mul(matmul(Z, Y), 0.5));
    [Y, Z] = [matmul(Y, T), matmul(T, Z)];
  }
  return div(Z, sqrt(size));
}
