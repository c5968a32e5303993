import { UserError } from '../graph/errors.ts';

/** Whose answers they are, and to which images: what an error names. */
export interface Answering {
  /** The model's reference or folder. */
  readonly model: string;
  /** The image at a place of the list. */
  readonly image: (index: number) => string;
}

/**
 * Refuses an answer that is NaN or infinite: what is computed from it (a probability, a decision, a loss, a weight) would be
 * wrong in silence, or be blamed on something else.
 * @throws UserError that names the model, the image and how much of the answer it is.
 */
export function checkAnswer(values: Float32Array, what: string, model: string, image: string): void {
  if (allFinite(values)) return;
  const bad = values.filter((x) => !Number.isFinite(x));
  throw new UserError(
    `${model}: wanted finite ${what} for ${image}, got ${bad[0]} in ${bad.length} of ${values.length}. If it is so for every image, the model's weights or its preprocessing (mean, std) are wrong: take another checkpoint, or mend preprocessor_config.json; if for this one alone, leave the image out`,
  );
}

/** The same of rows of a batch, `rowOf` giving the place in the list of each, or -1 for a row that is not used. */
export function checkRows(
  values: Float32Array,
  what: string,
  { model, image }: Answering,
  rowOf: ArrayLike<number>,
): void {
  if (allFinite(values)) return;
  const length = values.length / rowOf.length;
  for (let row = 0; row < rowOf.length; row++)
    if (rowOf[row]! >= 0)
      checkAnswer(values.subarray(row * length, (row + 1) * length), what, model, image(rowOf[row]!));
}

/** One pass without a branch: 0 times a number is 0, and NaN of what is not finite. */
export function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  return sum === 0;
}
