import { solvePositive } from './linearAlgebra.ts';
import type { LabelledRows } from './nearestRows.ts';

/** A linear classifier on features: logits = W x + b, weight [K,D] row by row. */
export interface LinearHead {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface FittedHead extends LinearHead {
  readonly by: 'ridge' | 'logistic';
  /** What was chosen, as a share of the mean variance of a feature. */
  readonly lambda: number;
  /** Accuracy on the held-out rows, of the head that was fitted on the others. */
  readonly heldOut: number;
}

/** Our choice: from hardly any to features that hardly count. */
const LAMBDAS = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10] as const;
/** Our choice: every fifth row is held out to choose by. */
const HELD_OUT = 5;
/** Our choice: of the temperatures by which the fitted scores become logits, see `sharpened`. */
const SHARPNESS = [1, 2, 4, 6, 8, 12, 16, 24, 32] as const;

/**
 * The ridge regression of one-hot labels on features, in closed form: W = (X'X + n lambda s I)^-1 X'Y on rows less their mean, s the
 * mean variance of a feature, so that lambda means the same for features of any size. lambda is the best on held-out rows, of equal
 * ones the largest; then all rows are fitted. Scores of 0 and 1 are no logits: they are multiplied by the number that makes their
 * cross entropy on the held-out rows smallest.
 * Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, sections 3.4.1 and 4.2.
 */
export function fitRidge(rows: LabelledRows, classes: number): FittedHead {
  const { known, rest, asked } = heldOutOf(rows);
  const sums = sumsOf(rest, classes);
  const tried = LAMBDAS.map((lambda) => {
    const head = solved(sums, lambda);
    return { lambda, head, accuracy: accuracyOf(head, asked, classes) };
  });
  const best = tried.reduce((a, b) => (b.accuracy >= a.accuracy ? b : a));
  const gain = sharpened(best.head, asked, classes);
  const { weight, bias } = solved(sumsOf(known, classes), best.lambda);
  const { lambda, accuracy } = best;
  return {
    by: 'ridge',
    lambda,
    heldOut: accuracy,
    weight: weight.map((x) => x * gain),
    bias: bias.map((x) => x * gain),
  };
}

/** Logits [K] of a row. */
export function logitsOf(
  { weight, bias }: LinearHead,
  x: ArrayLike<number>,
  from: number,
  width: number,
): Float64Array {
  return Float64Array.from(bias, (b, k) => {
    let sum = b;
    for (let c = 0; c < width; c++) sum += weight[k * width + c]! * x[from + c]!;
    return sum;
  });
}

/** Share of the rows with a label that a head decides rightly. */
export function accuracyOf(head: LinearHead, rows: LabelledRows, classes: number): number {
  let [right, seen] = [0, 0];
  for (let i = 0; i < rows.labels.length; i++) {
    if (rows.labels[i]! < 0) continue;
    const logits = logitsOf(head, rows.data, i * rows.width, rows.width);
    let best = 0;
    for (let k = 1; k < classes; k++) if (logits[k]! > logits[best]!) best = k;
    seen++;
    if (best === rows.labels[i]) right++;
  }
  return right / seen;
}

/** The factor of `SHARPNESS` whose cross entropy is smallest. */
function sharpened(head: LinearHead, rows: LabelledRows, classes: number): number {
  const losses = SHARPNESS.map((gain) => {
    let sum = 0;
    for (let i = 0; i < rows.labels.length; i++) {
      const logits = logitsOf(head, rows.data, i * rows.width, rows.width).map((x) => gain * x);
      const top = logits.reduce((a, b) => Math.max(a, b));
      let total = 0;
      for (let k = 0; k < classes; k++) total += Math.exp(logits[k]! - top);
      sum += top + Math.log(total) - logits[rows.labels[i]!]!;
    }
    return sum;
  });
  return SHARPNESS[losses.indexOf(losses.reduce((a, b) => Math.min(a, b)))]!;
}

interface Sums {
  readonly n: number;
  readonly D: number;
  readonly K: number;
  readonly mean: Float64Array;
  readonly counts: Float64Array;
  /** X'X of centred rows [D,D], and X'Y [D,K]. */
  readonly scatter: Float64Array;
  readonly cross: Float64Array;
}

function sumsOf({ width: D, data, labels }: LabelledRows, K: number): Sums {
  const n = labels.length;
  const [mean, counts] = [new Float64Array(D), new Float64Array(K)];
  for (let i = 0; i < n; i++) {
    counts[labels[i]!]!++;
    for (let c = 0; c < D; c++) mean[c]! += data[i * D + c]! / n;
  }
  const [scatter, cross, row] = [new Float64Array(D * D), new Float64Array(D * K), new Float64Array(D)];
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < D; c++) row[c] = data[i * D + c]! - mean[c]!;
    for (let c = 0; c < D; c++) {
      const x = row[c]!;
      cross[c * K + labels[i]!]! += x;
      for (let d = 0; d <= c; d++) scatter[c * D + d]! += x * row[d]!;
    }
  }
  for (let c = 0; c < D; c++) for (let d = c + 1; d < D; d++) scatter[c * D + d] = scatter[d * D + c]!;
  return { n, D, K, mean, counts, scatter, cross };
}

function solved({ n, D, K, mean, counts, scatter, cross }: Sums, lambda: number): LinearHead {
  let trace = 0;
  for (let c = 0; c < D; c++) trace += scatter[c * D + c]!;
  // Features that never vary have nothing to say: any positive number leaves their weights 0.
  const ridge = lambda * (trace / D || 1);
  const a = Float64Array.from(scatter);
  for (let c = 0; c < D; c++) a[c * D + c]! += ridge;
  const w = solvePositive(a, cross, D, K)!; // D K
  const weight = new Float32Array(K * D);
  const bias = new Float32Array(K);
  for (let k = 0; k < K; k++) {
    let at = counts[k]! / n;
    for (let c = 0; c < D; c++) {
      weight[k * D + c] = w[c * K + k]!;
      at -= w[c * K + k]! * mean[c]!;
    }
    bias[k] = at;
  }
  return { weight, bias };
}

/** The rows with a label, those of them that are held out to choose by, and the others; of very few all are both. */
export function heldOutOf(rows: LabelledRows) {
  const known = labelledOnly(rows);
  const places = Array.from({ length: known.labels.length }, (_, i) => i);
  const isHeld = (i: number) => i % HELD_OUT === HELD_OUT - 1;
  const held = places.filter(isHeld);
  if (held.length === 0) return { known, rest: known, asked: known };
  const others = places.filter((i) => !isHeld(i));
  return { known, rest: taken(known, others), asked: taken(known, held) };
}

function labelledOnly(rows: LabelledRows): LabelledRows {
  const places = Array.from({ length: rows.labels.length }, (_, i) => i).filter((i) => rows.labels[i]! >= 0);
  return places.length === rows.labels.length ? rows : taken(rows, places);
}

function taken({ width, data, labels }: LabelledRows, places: readonly number[]): LabelledRows {
  const out = new Float32Array(places.length * width);
  for (const [at, i] of places.entries()) out.set(data.subarray(i * width, (i + 1) * width), at * width);
  return { width, data: out, labels: places.map((i) => labels[i]!) };
}
