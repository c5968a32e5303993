import type { Rows } from './cka.ts';

/** Rows of length 1; a row of nothing stays one. */
export function unitRows({ width, data }: Rows): Rows {
  const out = Float32Array.from(data);
  for (let i = 0; i < out.length; i += width) {
    let sum = 0;
    for (let c = 0; c < width; c++) sum += out[i + c]! ** 2;
    const length = Math.sqrt(sum);
    if (length > 0) for (let c = 0; c < width; c++) out[i + c]! /= length;
  }
  return { width, data: out };
}

const cosine = (a: Rows, i: number, b: Rows, j: number): number => {
  let sum = 0;
  for (let c = 0; c < a.width; c++) sum += a.data[i * a.width + c]! * b.data[j * b.width + c]!;
  return sum;
};

/** The places of the `k` largest values, the largest first, of equal ones the first. */
function largestOf(values: Float64Array, k: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length === k && values[i]! <= values[best[k - 1]!]!) continue;
    let at = best.length;
    while (at > 0 && values[best[at - 1]!]! < values[i]!) at--;
    best.splice(at, 0, i);
    if (best.length > k) best.pop();
  }
  return best;
}

/** The `k` nearest rows of each row by cosine, itself left out. */
function neighboursOf(rows: Rows, k: number): number[][] {
  const unit = unitRows(rows);
  const n = rows.data.length / rows.width;
  const similar = new Float64Array(n);
  return Array.from({ length: n }, (_, i) => {
    for (let j = 0; j < n; j++) similar[j] = j === i ? Number.NEGATIVE_INFINITY : cosine(unit, i, unit, j);
    return largestOf(similar, k);
  });
}

/**
 * How far two embeddings of the same images agree on which are alike: the mean share of an image's `k` nearest in the one that are
 * among its `k` nearest in the other, 0 to 1. By chance it is k / (n - 1). NaN where there are no k others.
 */
export function neighbourAgreement(a: Rows, b: Rows, k: number): number {
  const n = a.data.length / a.width;
  if (n <= k) return Number.NaN;
  const [own, other] = [neighboursOf(a, k), neighboursOf(b, k)];
  const shared = own.map((list, i) => list.filter((j) => other[i]!.includes(j)).length / k);
  return shared.reduce((sum, share) => sum + share, 0) / n;
}

/** A class for each row, -1 without one. */
export interface LabelledRows extends Rows {
  readonly labels: ArrayLike<number>;
}

/**
 * The accuracy of a vote of the `k` nearest rows of `bank`, each weighed by exp(cosine / T): of the rows of `asked` with a label. k 20
 * and T 0.07 are those of DINO (arXiv 2104.14294) and of Wu et al. (1805.01978, section 3.4). Equal votes go to the first class.
 */
export function nearestAccuracy(
  bank: LabelledRows,
  asked: LabelledRows,
  classes: number,
  { k = 20, temperature = 0.07 } = {},
): number {
  const [known, questions] = [unitRows(bank), unitRows(asked)];
  const n = bank.data.length / bank.width;
  const similar = new Float64Array(n);
  let [right, seen] = [0, 0];
  for (let i = 0; i < asked.data.length / asked.width; i++) {
    if (asked.labels[i]! < 0) continue;
    for (let j = 0; j < n; j++)
      similar[j] = bank.labels[j]! < 0 ? Number.NEGATIVE_INFINITY : cosine(questions, i, known, j);
    const votes = new Float64Array(classes);
    for (const j of largestOf(similar, Math.min(k, n)))
      if (bank.labels[j]! >= 0) votes[bank.labels[j]!]! += Math.exp((similar[j]! - 1) / temperature);
    seen++;
    if (largestOf(votes, 1)[0] === asked.labels[i]) right++;
  }
  return right / seen;
}
