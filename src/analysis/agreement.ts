/** How alike two models answer. */
export interface AgreementReport {
  /** Share of the images with the same decision. */
  readonly top1: number;
  /** Mean over the images of KL(second || first), in nats: what is lost where the first stands for the second. */
  readonly kl: number;
}

/** Of logits [images, K] with the classes in one order; equal logits are decided for the first. */
export function logitAgreement(first: Float32Array, second: Float32Array, classes: number): AgreementReport {
  const images = first.length / classes;
  let [same, kl] = [0, 0];
  for (let i = 0; i < images; i++) {
    const row = (logits: Float32Array) => logits.subarray(i * classes, (i + 1) * classes);
    const [z, t] = [row(first), row(second)];
    if (decision(z) === decision(t)) same++;
    kl += divergence(z, t);
  }
  return { top1: same / images, kl: kl / images };
}

/** KL(second || first) of one image's logits, in nats. */
export function divergence(first: Float32Array, second: Float32Array): number {
  const [q, p] = [logProbabilities(first), logProbabilities(second)];
  return p.reduce((sum, value, k) => sum + Math.exp(value) * (value - q[k]!), 0);
}

/** The same of one image where each class is a yes or no of its own: classes decided alike (above 0.5), and the mean KL of the classes. */
export function binaryDivergence(
  first: Float32Array,
  second: Float32Array,
): { readonly same: number; readonly kl: number } {
  let [same, kl] = [0, 0];
  first.forEach((z, k) => {
    const t = second[k]!;
    if (z > 0 === t > 0) same++;
    // The cross entropy of z with the second's probability, less the second's own entropy.
    kl += softplus(z) - softplus(t) - (z - t) / (1 + Math.exp(-t));
  });
  return { same, kl: kl / first.length };
}

const softplus = (z: number): number => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));

/** The class with the largest logit. */
export function decision(logits: Float32Array): number {
  let best = 0;
  for (let k = 1; k < logits.length; k++) if (logits[k]! > logits[best]!) best = k;
  return best;
}

/** Log-softmax in float64. */
function logProbabilities(logits: Float32Array): Float64Array {
  const max = logits[decision(logits)]!;
  const sum = logits.reduce((total, z) => total + Math.exp(z - max), 0);
  return Float64Array.from(logits, (z) => z - max - Math.log(sum));
}
