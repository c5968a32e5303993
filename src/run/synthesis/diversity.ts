/** Vectors of a set of images with the class of each: the teacher's penultimate features, unit length. */
export interface Embedded {
  readonly width: number;
  /** [n, width] */
  readonly vectors: Float32Array;
  readonly labels: Int32Array;
}

export interface Diversity {
  /** Mean distance of two images of a class, the mean over the classes. */
  readonly intraClassDistance: number;
  /** Mean distance to the nearest image of another class. */
  readonly boundaryDistance: number;
  /** Share of the images whose nearest one of the same class is nearer than `REPEAT`. */
  readonly nearRepeats: number;
}

/** Unit vectors nearer than this are nearly the same image to the teacher. Our choice. */
export const REPEAT = 0.05;

export function unitRows(vectors: Float32Array, width: number): Float32Array {
  const out = vectors.slice();
  for (let row = 0; row < out.length; row += width) {
    const values = out.subarray(row, row + width);
    const length = Math.hypot(...values) || 1;
    for (let i = 0; i < width; i++) values[i]! /= length;
  }
  return out;
}

/** Compares every pair: for a few thousand images. Figures that no pair speaks for are NaN. */
export function diversityOf({ width, vectors, labels }: Embedded): Diversity {
  const n = labels.length;
  const within = new Map<number, { sum: number; pairs: number }>();
  const nearestSame = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  const nearestOther = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const distance = between(vectors, width, i, j);
      const nearest = labels[i] === labels[j] ? nearestSame : nearestOther;
      nearest[i] = Math.min(nearest[i]!, distance);
      nearest[j] = Math.min(nearest[j]!, distance);
      if (labels[i] !== labels[j]) continue;
      const held = within.get(labels[i]!) ?? { sum: 0, pairs: 0 };
      within.set(labels[i]!, { sum: held.sum + distance, pairs: held.pairs + 1 });
    }
  const paired = Array.from(nearestSame).filter(Number.isFinite);
  return {
    intraClassDistance: mean([...within.values()].map(({ sum, pairs }) => sum / pairs)),
    boundaryDistance: mean(Array.from(nearestOther).filter(Number.isFinite)),
    nearRepeats: mean(paired.map((distance) => (distance < REPEAT ? 1 : 0))),
  };
}

function between(vectors: Float32Array, width: number, i: number, j: number): number {
  let sum = 0;
  for (let c = 0; c < width; c++) {
    const d = vectors[i * width + c]! - vectors[j * width + c]!;
    sum += d * d;
  }
  return Math.sqrt(sum);
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
