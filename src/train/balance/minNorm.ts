/** Inner products of gradients, <g_i, g_j>. */
export type Gram = readonly (readonly number[])[];

export interface MinNorm {
  /** At least 0 each, 1 together. */
  readonly shares: readonly number[];
  /** clamped: a gradient has no share. degenerate: the gradients do not tell, and all have the same. */
  readonly kind: 'inside' | 'clamped' | 'degenerate';
}

/** From so many losses on, faces of the simplex are too many to look at each. */
const MOST_FACES = 4;

/**
 * The shares of the shortest sum of gradients (MGDA, Sener and Koltun 2018; DTO-KD, ICLR 2026, equations 7 to 15). DTO-KD gives the
 * formula of the inside alone, in which a share may be negative. Our choice: the simplex holds, as in MGDA.
 */
export function minNorm(gram: Gram): MinNorm {
  const even = (): MinNorm => ({ shares: gram.map(() => 1 / gram.length), kind: 'degenerate' });
  if (!gram.flat().every(Number.isFinite)) return even();
  if (gram.every((row, i) => row[i] === 0)) return even();
  if (gram.length === 2) return ofTwo(gram[0]![0]!, gram[0]![1]!, gram[1]![1]!) ?? even();
  const shares = gram.length <= MOST_FACES ? byFaces(gram) : frankWolfe(gram);
  return { shares, kind: shares.some((share) => share < 1e-9) ? 'clamped' : 'inside' };
}

/** Undefined where the gradients are equal. */
function ofTwo(a: number, b: number, c: number): MinNorm | undefined {
  const apart = a + c - 2 * b;
  if (apart <= 1e-12 * (a + c)) return undefined;
  if (b >= a) return { shares: [1, 0], kind: 'clamped' };
  if (b >= c) return { shares: [0, 1], kind: 'clamped' };
  return { shares: [(c - b) / apart, (a - b) / apart], kind: 'inside' };
}

/**
 * Exact: on each face of the simplex the shares whose sum of gradients is at right angles to it, of those that are on the face the
 * shortest. A little is added to the diagonal, so that gradients that depend on each other have an answer: the evenest.
 */
export function byFaces(gram: Gram): number[] {
  const K = gram.length;
  const ridge = (1e-10 * gram.reduce((sum, row, i) => sum + row[i]!, 0)) / K;
  let best: { readonly shares: number[]; readonly length: number } | undefined;
  for (let subset = 1; subset < 2 ** K; subset++) {
    const face = gram.map((_, i) => i).filter((i) => (subset >> i) & 1);
    const found = solve(face.map((i) => face.map((j) => gram[i]![j]! + (i === j ? ridge : 0))));
    const total = found.reduce((a, b) => a + b, 0);
    const inside = found.map((x) => x / total);
    if (!inside.every((x) => x >= 0)) continue;
    const shares = gram.map((_, i) => (face.includes(i) ? inside[face.indexOf(i)]! : 0));
    const length = quadratic(gram, shares) + ridge * shares.reduce((sum, share) => sum + share * share, 0);
    if (best === undefined || length < best.length) best = { shares, length };
  }
  return best!.shares;
}

/** x of A x = 1, by elimination with the largest pivot. */
function solve(matrix: readonly (readonly number[])[]): number[] {
  const rows = matrix.map((row) => [...row, 1]);
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(rows[i]![k]!) > Math.abs(rows[pivot]![k]!)) pivot = i;
    [rows[k], rows[pivot]] = [rows[pivot]!, rows[k]!];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i]![k]! / rows[k]![k]!;
      for (let j = k; j <= n; j++) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!);
}

/** Frank-Wolfe as Sener and Koltun have it: towards the gradient along which the sum falls most. */
export function frankWolfe(gram: Gram, rounds = 250): number[] {
  let shares = gram.map(() => 1 / gram.length);
  for (let round = 0; round < rounds; round++) {
    const slopes = gram.map((row) => row.reduce((sum, x, j) => sum + x * shares[j]!, 0));
    const least = slopes.reduce((at, slope, i) => (slope < slopes[at]! ? i : at), 0);
    const length = slopes.reduce((sum, slope, i) => sum + slope * shares[i]!, 0);
    const apart = length + gram[least]![least]! - 2 * slopes[least]!;
    if (apart <= 0) break;
    const step = Math.min(1, Math.max(0, (length - slopes[least]!) / apart));
    if (step < 1e-5) break;
    shares = shares.map((share, i) => (1 - step) * share + (i === least ? step : 0));
  }
  return shares;
}

/** |sum_i share_i g_i|^2 */
export const quadratic = (gram: Gram, shares: readonly number[]): number =>
  gram.reduce((sum, row, i) => sum + shares[i]! * row.reduce((inner, x, j) => inner + x * shares[j]!, 0), 0);
