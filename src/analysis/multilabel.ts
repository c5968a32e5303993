/** How a model does on one class of multilabel data. Shares are 0 to 1; null where nothing is there to divide by. */
export interface LabelScore {
  readonly class: number;
  /** Images that have the class. */
  readonly images: number;
  /** Images for which it was decided: probability above 0.5. */
  readonly decided: number;
  readonly right: number;
  /** Average precision; null without an image that has the class. */
  readonly ap: number | null;
  readonly precision: number | null;
  readonly recall: number | null;
  /** 2 right / (images + decided); 0 where nothing is right. */
  readonly f1: number;
}

export interface MultilabelScores {
  readonly images: number;
  /** Binary cross entropy, the mean over images and classes. */
  readonly loss: number;
  /** Mean average precision of the classes that have an image. */
  readonly map: number;
  /** Classes that no image has: they are not in `map`. */
  readonly withoutImages: number;
  /** F1 of all decisions together, at a probability of 0.5. */
  readonly microF1: number;
  /** Mean F1 of the classes that have images or were decided for. */
  readonly macroF1: number;
  /** All classes, in their order. */
  readonly classes: readonly LabelScore[];
}

/**
 * Average precision as scikit-learn's average_precision_score defines it: the sum over thresholds of precision times the recall
 * gained. Equal scores are one threshold, so the order of the images does not count. NaN without a positive.
 */
export function averagePrecision(scores: ArrayLike<number>, positive: (index: number) => boolean): number {
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  let [found, counted, sum] = [0, 0, 0];
  order.forEach((index, rank) => {
    if (positive(index)) found++;
    if (rank + 1 < order.length && scores[order[rank + 1]!] === scores[index]) return;
    sum += (found - counted) * (found / (rank + 1));
    counted = found;
  });
  return sum / found;
}

/**
 * Judges logits, `classes` a row, by the classes that each image has. Images that are not `seen` (could not be read) do not
 * count. Logits rank as probabilities do, without their ties near 0 and 1.
 */
export function judgeMultilabel(
  logits: Float32Array,
  sets: readonly (readonly number[])[],
  classes: number,
  seen: (index: number) => boolean,
): MultilabelScores {
  const rows = sets.map((_, i) => i).filter(seen);
  const column = new Float32Array(rows.length);
  const has = new Uint8Array(rows.length);
  let loss = 0;
  const scores = Array.from({ length: classes }, (_, k): LabelScore => {
    rows.forEach((row, i) => {
      column[i] = logits[row * classes + k]!;
      has[i] = sets[row]!.includes(k) ? 1 : 0;
      loss += softplus(column[i]!) - has[i]! * column[i]!;
    });
    return scoreOf(k, column, has);
  });
  const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const total = (of: (score: LabelScore) => number) => scores.reduce((sum, score) => sum + of(score), 0);
  const known = scores.flatMap(({ ap }) => ap ?? []);
  return {
    images: rows.length,
    loss: loss / (rows.length * classes),
    map: mean(known),
    withoutImages: classes - known.length,
    microF1: f1Of(
      total(({ right }) => right),
      total(({ images }) => images),
      total(({ decided }) => decided),
    ),
    macroF1: mean(scores.filter(({ images, decided }) => images + decided > 0).map(({ f1 }) => f1)),
    classes: scores,
  };
}

function scoreOf(k: number, column: Float32Array, has: Uint8Array): LabelScore {
  let [images, decided, right] = [0, 0, 0];
  column.forEach((logit, i) => {
    const yes = logit > 0;
    images += has[i]!;
    if (yes) decided++;
    if (yes && has[i]) right++;
  });
  return {
    class: k,
    images,
    decided,
    right,
    ap: images === 0 ? null : averagePrecision(column, (i) => has[i] === 1),
    precision: decided === 0 ? null : right / decided,
    recall: images === 0 ? null : right / images,
    f1: f1Of(right, images, decided),
  };
}

const f1Of = (right: number, images: number, decided: number): number =>
  right === 0 ? 0 : (2 * right) / (images + decided);

const softplus = (z: number): number => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
