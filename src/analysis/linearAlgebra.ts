/** Square matrices [n,n] row by row, in float64. */
export type Square = Float64Array;

/**
 * The eigenvalues of a symmetric matrix, in no order: by Jacobi's rotations, which end when all that is off the diagonal is rounding.
 * Source: Golub and Van Loan, Matrix Computations, section 8.5.
 */
export function eigenvalues(given: Square, n: number): Float64Array {
  const a = Float64Array.from(given);
  const scale = a.reduce((sum, x) => sum + x * x, 0);
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p * n + q]! ** 2;
    if (off <= 1e-20 * scale) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, n, p, q);
  }
  return Float64Array.from({ length: n }, (_, i) => a[i * n + i]!);
}

/** Makes a[p,q] 0 by turning rows and columns p and q. */
function rotate(a: Square, n: number, p: number, q: number): void {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const tau = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p]!, a[k * n + q]!];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k]!, a[q * n + k]!];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
  }
}

/**
 * X of A X = B, A symmetric and positive definite [n,n], B [n,m] row by row: by Cholesky's factor. A is overwritten by it.
 * Undefined where A is not positive definite.
 */
export function solvePositive(a: Square, b: Float64Array, n: number, m: number): Float64Array | undefined {
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      if (i > j) a[i * n + j] = sum / a[j * n + j]!;
      else if (sum > 0) a[j * n + j] = Math.sqrt(sum);
      else return undefined;
    }
  }
  const x = Float64Array.from(b);
  const eliminate = (i: number, k: number, factor: number) => {
    for (let c = 0; c < m; c++) x[i * m + c]! -= factor * x[k * m + c]!;
  };
  const divide = (i: number) => {
    for (let c = 0; c < m; c++) x[i * m + c]! /= a[i * n + i]!;
  };
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) eliminate(i, k, a[i * n + k]!);
    divide(i);
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) eliminate(i, k, a[k * n + i]!);
    divide(i);
  }
  return x;
}
