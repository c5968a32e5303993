/** What an evaluation found. */
export interface Evaluation {
  /** Mean cross entropy over the images with a label, unsmoothed; like the shares NaN where none has one. */
  readonly loss: number;
  /** Shares, 0 to 1. */
  readonly top1: number;
  readonly top5: number;
  readonly images: number;
  /** The decision for each image of the list; -1 where the image could not be read. */
  readonly decisions: Int32Array;
  /** The probability of each decision. */
  readonly confidences: Float32Array;
  /** Top-1 of the class head alone, where the answer is a mean of heads. */
  readonly classHeadTop1?: number;
}

/** Adds up an evaluation, batch by batch. Logits are rows of K. */
export class Tally {
  readonly #decisions: Int32Array;
  readonly #confidences: Float32Array;
  #loss = 0;
  #top1 = 0;
  #top5 = 0;
  #images = 0;
  #labelled = 0;

  constructor(size: number) {
    this.#decisions = new Int32Array(size).fill(-1);
    this.#confidences = new Float32Array(size);
  }

  /** One image: its logits, its label (-1 for none) and its place in the list. Equal logits rank against the label. */
  add(logits: Float32Array, label: number, index: number): void {
    let best = 0;
    for (let k = 1; k < logits.length; k++) if (logits[k]! > logits[best]!) best = k;
    this.#decisions[index] = best;
    this.#images++;
    const max = logits[best]!;
    let sum = 0;
    for (let k = 0; k < logits.length; k++) sum += Math.exp(logits[k]! - max);
    this.#confidences[index] = 1 / sum;
    if (label < 0) return;
    this.#labelled++;
    let above = 0;
    for (let k = 0; k < logits.length; k++) if (k !== label && logits[k]! >= logits[label]!) above++;
    this.#loss += max + Math.log(sum) - logits[label]!;
    if (best === label) this.#top1++;
    if (above < 5) this.#top5++;
  }

  result(): Evaluation {
    const n = this.#images === 0 ? 1 : this.#labelled;
    return {
      loss: this.#loss / n,
      top1: this.#top1 / n,
      top5: this.#top5 / n,
      images: this.#images,
      decisions: this.#decisions,
      confidences: this.#confidences,
    };
  }
}

/** Share of the images on which two models decide alike, of those that both have seen. */
export function agreement(a: Int32Array, b: Int32Array): number {
  let [same, both] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (a[i]! < 0 || b[i]! < 0) continue;
    both++;
    if (a[i] === b[i]) same++;
  }
  return both === 0 ? 0 : same / both;
}
