/** How a model does on one class. Shares are 0 to 1; null where nothing is there to divide by. */
export interface ClassScore {
  readonly class: number;
  /** Images of this class. */
  readonly images: number;
  /** Images that were taken for it. */
  readonly decided: number;
  readonly right: number;
  /** Accuracy on the class: right / images. */
  readonly recall: number | null;
  /** right / decided. */
  readonly precision: number | null;
  /** Their harmonic mean; 0 where nothing is right. */
  readonly f1: number;
}

export interface Classification {
  /** Images with a label that could be read. */
  readonly images: number;
  /** The classes that have images or were decided for, in their order. */
  readonly classes: readonly ClassScore[];
  /** Mean F1 of these classes, each counting alike (scikit-learn's `macro` with zero_division 0). */
  readonly macroF1: number;
  /** [label, decision, images], cells with images only, by label, then decision. */
  readonly confusion: readonly (readonly [label: number, decision: number, images: number])[];
}

/** Confusion and class scores of decisions; what has no label or no decision (-1) does not count. */
export function classify(labels: ArrayLike<number>, decisions: ArrayLike<number>): Classification {
  const cells = new Map<string, [number, number, number]>();
  let images = 0;
  for (let i = 0; i < labels.length; i++) {
    const [label, decision] = [labels[i]!, decisions[i]!];
    if (label < 0 || decision < 0) continue;
    images++;
    const cell = cells.get(`${label} ${decision}`) ?? [label, decision, 0];
    cell[2]++;
    cells.set(`${label} ${decision}`, cell);
  }
  const confusion = [...cells.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const classes = scoresOf(confusion);
  const macroF1 = classes.length === 0 ? Number.NaN : classes.reduce((sum, { f1 }) => sum + f1, 0) / classes.length;
  return { images, classes, macroF1, confusion };
}

function scoresOf(confusion: Classification['confusion']): ClassScore[] {
  const counts = new Map<number, { images: number; decided: number; right: number }>();
  const of = (name: number) => {
    const held = counts.get(name) ?? { images: 0, decided: 0, right: 0 };
    counts.set(name, held);
    return held;
  };
  for (const [label, decision, images] of confusion) {
    of(label).images += images;
    of(decision).decided += images;
    if (label === decision) of(label).right += images;
  }
  return [...counts]
    .sort(([a], [b]) => a - b)
    .map(([name, { images, decided, right }]) => ({
      class: name,
      images,
      decided,
      right,
      recall: images === 0 ? null : right / images,
      precision: decided === 0 ? null : right / decided,
      f1: (2 * right) / (images + decided),
    }));
}

/** Images whose decision had a probability in (from, to]. */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly images: number;
  /** Mean probability of the decision, and share of right ones; null without images. */
  readonly confidence: number | null;
  readonly accuracy: number | null;
}

export interface Calibration {
  readonly bins: readonly CalibrationBin[];
  /** Expected calibration error: the mean over the images of |accuracy - confidence| of their bin. */
  readonly ece: number;
}

/** Source: Guo et al., arXiv 1706.04599, section 2 (equal bins of the decision's probability; 15 as in its section 5). */
export function calibrate(
  labels: ArrayLike<number>,
  decisions: ArrayLike<number>,
  confidences: ArrayLike<number>,
  bins = 15,
): Calibration {
  const sums = Array.from({ length: bins }, () => ({ images: 0, confidence: 0, right: 0 }));
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    if (labels[i]! < 0 || decisions[i]! < 0) continue;
    const at = Math.min(bins - 1, Math.max(0, Math.ceil(confidences[i]! * bins) - 1));
    const bin = sums[at]!;
    bin.images++;
    bin.confidence += confidences[i]!;
    if (labels[i] === decisions[i]) bin.right++;
    total++;
  }
  const gap = sums.reduce((sum, { confidence, right }) => sum + Math.abs(right - confidence), 0);
  return {
    ece: total === 0 ? Number.NaN : gap / total,
    bins: sums.map(({ images, confidence, right }, at) => ({
      from: at / bins,
      to: (at + 1) / bins,
      images,
      confidence: images === 0 ? null : confidence / images,
      accuracy: images === 0 ? null : right / images,
    })),
  };
}
