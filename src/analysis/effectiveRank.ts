import type { Rows } from './cka.ts';
import { eigenvalues } from './linearAlgebra.ts';
import { ChannelMoments } from './moments.ts';

/**
 * How many directions embeddings use: exp of the entropy of their singular values, which are taken as shares of their sum; 1 where all
 * lie on a line, at most the width. It falls when an embedding collapses.
 * Source: Roy and Vetterli, EUSIPCO 2007; of embeddings RankMe, arXiv 2210.02885. Our choice: of rows less their mean, which else
 * would be one large value of any features that are not negative.
 */
export function effectiveRank({ width, data }: Rows): number {
  const n = data.length / width;
  const moments = new ChannelMoments(width);
  moments.add(data);
  const mean = moments.mean();
  const scatter = new Float64Array(width * width);
  const row = new Float64Array(width);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < width; c++) row[c] = data[i * width + c]! - mean[c]!;
    for (let c = 0; c < width; c++) for (let d = 0; d < width; d++) scatter[c * width + d]! += row[c]! * row[d]!;
  }
  const singular = eigenvalues(scatter, width).map((value) => Math.sqrt(Math.max(0, value)));
  const total = singular.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 0;
  const entropy = singular.reduce(
    (sum, value) => (value > 0 ? sum - (value / total) * Math.log(value / total) : sum),
    0,
  );
  return Math.exp(entropy);
}
