import type { Dtype } from './files.ts';

/** How far a way to run a model agrees with our own forward pass. */
export interface Agreement {
  readonly images: number;
  /** Largest absolute difference of a logit. */
  readonly largestDifference: number;
  /** Share, 0 to 1, of the images that both decide alike. */
  readonly top1: number;
  /** Of the images that are decided otherwise: by how much our own largest logit leads, the largest first. Ties lead by little. */
  readonly margins: readonly number[];
  /** Share, 0 to 1, of the images with labels that it decides right. */
  readonly accuracy?: number;
}

/** Logits [K] of each image. */
export type Rows = readonly Float32Array[];

export function compareRows(ours: Rows, theirs: Rows, labels?: ArrayLike<number>): Agreement {
  let [largest, right] = [0, 0];
  const margins: number[] = [];
  theirs.forEach((row, i) => {
    for (const [k, z] of row.entries()) {
      const difference = Math.abs(z - ours[i]![k]!);
      // Math.max keeps a NaN, which is no agreement.
      largest = Math.max(largest, difference);
    }
    const decided = decision(row);
    if (decided !== decision(ours[i]!)) margins.push(marginOf(ours[i]!));
    if (decided === labels?.[i]) right++;
  });
  return {
    images: theirs.length,
    largestDifference: largest,
    top1: (theirs.length - margins.length) / theirs.length,
    margins: margins.sort((a, b) => b - a),
    ...(labels ? { accuracy: right / theirs.length } : {}),
  };
}

/** By how much the largest logit leads the second. */
export function marginOf(row: Float32Array): number {
  const best = decision(row);
  return row[best]! - row.reduce((most, z, k) => (k === best ? most : Math.max(most, z)), Number.NEGATIVE_INFINITY);
}

function decision(row: Float32Array): number {
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k;
  return best;
}

/**
 * What a kind of file must keep. `difference`: of a logit, absolute or as a part of the range that an image's logits span.
 * `top1`: agreement on real images; on noise a decision means nothing.
 * Our choice, all of them: fp32 differs by the order of its sums alone; fp16 rounds to 11 bits; q8 rounds weights to 7 bits
 * and activations to 8.
 */
const LIMITS: Readonly<Record<Dtype, { difference: number; relative: boolean; top1: number }>> = {
  fp32: { difference: 1e-3, relative: false, top1: 0.99 },
  fp16: { difference: 0.02, relative: true, top1: 0.97 },
  q8: { difference: 0.25, relative: true, top1: 0.9 },
};

/** Why an agreement is not enough for a kind of file; undefined where it is. */
export function shortfall(dtype: Dtype, found: Agreement, ours: Rows, real: boolean): string | undefined {
  const { difference, relative, top1 } = LIMITS[dtype];
  const most = difference * (relative ? widest(ours) : 1);
  if (!(found.largestDifference <= most))
    return `wanted logits within ${most.toPrecision(2)} of our own on ${found.images} ${real ? 'real' : 'random'} images, got a difference of ${found.largestDifference.toPrecision(2)}`;
  if (real && found.top1 < top1)
    return `wanted the same top-1 as our own forward pass on ${top1 * 100} % of ${found.images} real images, got ${(found.top1 * 100).toFixed(1)} %`;
  return undefined;
}

/** Largest distance between two logits of an image. */
function widest(rows: Rows): number {
  let most = 0;
  for (const row of rows) {
    let [low, high] = [Infinity, -Infinity];
    for (const z of row) [low, high] = [Math.min(low, z), Math.max(high, z)];
    most = Math.max(most, high - low);
  }
  return most;
}

/** An ONNX file, run by ONNX Runtime alone, against our own forward pass. */
export interface FileCheck {
  readonly dtype: Dtype;
  readonly path: string;
  readonly random: Agreement;
  readonly real?: Agreement;
}
