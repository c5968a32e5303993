import { type MinimiseOptions, minimise } from './lbfgs.ts';
import type { LabelledRows } from './nearestRows.ts';
import { accuracyOf, type FittedHead, heldOutOf, type LinearHead, logitsOf } from './ridge.ts';

/** Our choice: from features that hardly count to hardly any. */
const LAMBDAS = [1, 1e-1, 1e-2, 1e-3, 1e-4] as const;

/**
 * Multinomial logistic regression of labels on features: the least mean cross entropy + lambda / 2 |W|^2, in float64, of features less
 * their mean over the root of their mean variance, so that lambda means the same for features of any size. lambda has the least cross
 * entropy on held-out rows (Our choice); then all rows are fitted. Its scores are logits as they are.
 * Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, sections 4.4 and 18.3.2.
 */
export function fitLogistic(rows: LabelledRows, classes: number): FittedHead {
  const { known, rest, asked } = heldOutOf(rows);
  // From the strongest on, each begins where the one before ended.
  let start: LinearHead | undefined;
  const tried = LAMBDAS.map((lambda) => {
    start = solveLogistic(rest, classes, lambda, { start });
    return { lambda, head: start, loss: crossEntropyOf(start, asked) };
  });
  const best = tried.reduce((a, b) => (b.loss < a.loss ? b : a));
  const head = solveLogistic(known, classes, best.lambda, { start: best.head });
  return { by: 'logistic', lambda: best.lambda, heldOut: accuracyOf(best.head, asked, classes), ...head };
}

interface SolveOptions extends MinimiseOptions {
  readonly start?: LinearHead | undefined;
}

/** The regression at one lambda, as a head of the features as they are. Every row has a label. */
export function solveLogistic(
  rows: LabelledRows,
  classes: number,
  lambda: number,
  { start, ...options }: SolveOptions = {},
): LinearHead {
  const { mean, size, data } = standardised(rows);
  const [D, K] = [rows.width, classes];
  const from = new Float64Array(K * D + K);
  if (start)
    for (let k = 0; k < K; k++) {
      let at = start.bias[k]!;
      for (let c = 0; c < D; c++) {
        from[k * D + c] = start.weight[k * D + c]! * size;
        at += start.weight[k * D + c]! * mean[c]!;
      }
      from[K * D + k] = at;
    }
  const found = minimise(objective(data, rows.labels, D, K, lambda), from, options);
  const [weight, bias] = [new Float32Array(K * D), new Float32Array(K)];
  for (let k = 0; k < K; k++) {
    let at = found[K * D + k]!;
    for (let c = 0; c < D; c++) {
      const w = found[k * D + c]! / size;
      weight[k * D + c] = w;
      at -= w * mean[c]!;
    }
    bias[k] = at;
  }
  return { weight, bias };
}

/** Rows less their mean, over the root of the mean variance of a feature. */
function standardised({ width: D, data, labels }: LabelledRows) {
  const n = labels.length;
  const mean = new Float64Array(D);
  for (let i = 0; i < n * D; i++) mean[i % D]! += data[i]! / n;
  const centred = Float64Array.from(data, (x, i) => x - mean[i % D]!);
  const size = Math.sqrt(centred.reduce((sum, x) => sum + x * x, 0) / (n * D)) || 1;
  return { mean, size, data: centred.map((x) => x / size) };
}

/** Of weights [K,D] and biases [K] in one vector. */
function objective(data: Float64Array, labels: ArrayLike<number>, D: number, K: number, lambda: number) {
  const n = labels.length;
  const scores = new Float64Array(K);
  return (x: Float64Array, gradient: Float64Array): number => {
    let loss = 0;
    gradient.fill(0);
    for (let i = 0; i < n; i++) {
      const row = data.subarray(i * D, (i + 1) * D);
      for (let k = 0; k < K; k++) {
        let sum = x[K * D + k]!;
        for (let c = 0; c < D; c++) sum += x[k * D + c]! * row[c]!;
        scores[k] = sum;
      }
      loss += softmaxLoss(scores, labels[i]!) / n;
      for (let k = 0; k < K; k++) {
        const slope = (scores[k]! - (k === labels[i] ? 1 : 0)) / n;
        gradient[K * D + k]! += slope;
        for (let c = 0; c < D; c++) gradient[k * D + c]! += slope * row[c]!;
      }
    }
    for (let i = 0; i < K * D; i++) {
      loss += (lambda / 2) * x[i]! ** 2;
      gradient[i]! += lambda * x[i]!;
    }
    return loss;
  };
}

/** Cross entropy of scores, which become probabilities in place. */
function softmaxLoss(scores: Float64Array, label: number): number {
  const top = scores.reduce((a, b) => Math.max(a, b));
  const given = scores[label]! - top;
  let total = 0;
  for (let k = 0; k < scores.length; k++) {
    scores[k] = Math.exp(scores[k]! - top);
    total += scores[k]!;
  }
  for (let k = 0; k < scores.length; k++) scores[k]! /= total;
  return Math.log(total) - given;
}

function crossEntropyOf(head: LinearHead, { width, data, labels }: LabelledRows): number {
  let sum = 0;
  for (const [i, label] of Array.from(labels).entries())
    sum += softmaxLoss(logitsOf(head, data, i * width, width), label);
  return sum / labels.length;
}
