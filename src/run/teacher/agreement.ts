/** How alike two computations of a teacher are over some images. */
export interface Agreement {
  /** 0 to 1. */
  readonly agreement: number;
  /** In words. */
  readonly found: string;
}

export function decisionsAgree(float: readonly Float32Array[], eight: readonly Float32Array[]): Agreement {
  const agreement = meanOf(float, (row, i) => Number(largest(row) === largest(eight[i]!)));
  const kl = meanOf(float, (row, i) => divergence(row, eight[i]!));
  const share = (100 * agreement).toFixed(1);
  const found = `in 8 bits it decides like float on ${share} % of ${float.length} images, mean KL ${kl.toPrecision(2)} nats`;
  return { agreement, found };
}

/** Without a classifier the logits are the pooled features: what a method learns from is their direction. */
export function embeddingsAgree(float: readonly Float32Array[], eight: readonly Float32Array[]): Agreement {
  const agreement = meanOf(float, (row, i) => cosine(row, eight[i]!));
  const found = `in 8 bits its embedding has a mean cosine of ${agreement.toFixed(4)} with float's on ${float.length} images`;
  return { agreement, found };
}

const meanOf = <T>(list: readonly T[], value: (one: T, i: number) => number): number =>
  list.reduce((sum, one, i) => sum + value(one, i), 0) / list.length;

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b) || 1);
}

function largest(row: Float32Array): number {
  return row.reduce((best, value, i) => (value > row[best]! ? i : best), 0);
}

/** KL(float || eight bits) of one row of logits, in nats. */
function divergence(float: Float32Array, eight: Float32Array): number {
  const logProbabilities = (row: Float32Array) => {
    const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0));
    return Array.from(row, (x) => x - top - total);
  };
  const [p, q] = [logProbabilities(float), logProbabilities(eight)];
  return p.reduce((sum, value, i) => sum + Math.exp(value) * (value - q[i]!), 0);
}
