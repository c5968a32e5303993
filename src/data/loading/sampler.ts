import { permutation, stream } from '../../random/stream.ts';

/** Where a run stands: `step` batches of `epoch` are done. Both count from 0. This is all a resume needs. */
export interface Position {
  readonly epoch: number;
  readonly step: number;
}

/** The order in which `epoch` visits the `n` images: a permutation of 0..n-1 that depends on its arguments alone. */
export function epochOrder(n: number, seed: number, epoch: number): Uint32Array {
  return permutation(n, stream(seed, 'order', epoch));
}

/** Batches in one epoch. Training drops a last partial batch, but wraps around when even one is partial. */
export function stepsPerEpoch(n: number, batch: number, train: boolean): number {
  return train ? Math.max(1, Math.floor(n / batch)) : Math.ceil(n / batch);
}

/** Number of the batch at `position`, counted from epoch 0, step 0. */
export function globalStep(position: Position, steps: number): number {
  return position.epoch * steps + position.step;
}

/** Inverse of `globalStep`. */
export function positionAt(step: number, steps: number): Position {
  return { epoch: Math.floor(step / steps), step: step % steps };
}

/**
 * Repeated augmentation (Hoffer et al., arXiv 1901.09335; DeiT uses 3): each image comes `repeats` times in a row, so mostly in
 * one batch, each time augmented anew. Row `row`, counted over the whole run, shows place `place` of the order `round`.
 * The rows of an epoch are as many as without it; over `repeats` epochs each of the n images is seen as often as any other.
 * Our choice: side by side, so that two rows of a mixed batch mostly show one image; the authors' go to different GPUs.
 * DeiT's sampler rounds to 256 images, drops the rest anew each epoch and gives nothing for fewer.
 */
export function repeatedPlace(row: number, n: number, repeats: number): { round: number; place: number } {
  const image = Math.floor(row / repeats);
  return { round: Math.floor(image / n), place: image % n };
}

/** Which of its fixed views an image shows in an epoch: each once in `count` epochs, in an order drawn anew after that. */
export function viewAt(
  { count, seed }: { readonly count: number; readonly seed: number },
  image: string,
  epoch: number,
): number {
  return permutation(count, stream(seed, 'view order', image, Math.floor(epoch / count)))[epoch % count]!;
}

/** A part of a stream of batches, for who loads them together with others: of each `every` steps in a row those at the places `mine`. */
export interface Share {
  readonly every: number;
  readonly mine: readonly number[];
  /** Steps of an epoch that are given out at all, a multiple of `every`. */
  readonly used: number;
}

/** The number, counted from epoch 0, step 0, of batch `index` of a stream that begins at the batch `first`, or of a share of it. */
export function stepAt(index: number, first: number, steps: number, share?: Share): number {
  if (!share) return first + index;
  const { every, mine, used } = share;
  const perEpoch = (used / every) * mine.length;
  const from = positionAt(first, steps);
  const { epoch, step } = positionAt(from.epoch * perEpoch + (from.step / every) * mine.length + index, perEpoch);
  return epoch * steps + Math.floor(step / mine.length) * every + mine[step % mine.length]!;
}

/** Every `size`-th batch of one pass. */
export const shareOfPass = (rank: number, size: number, steps: number): Share => ({
  every: size,
  mine: [rank],
  used: Math.ceil(steps / size) * size,
});

/** Batches of one pass from a position on, or of a share of it. */
export function batchesLeft({ step }: Position, steps: number, share?: Share): number {
  const left = Math.max(0, steps - step);
  if (!share) return left;
  const { every, mine } = share;
  return mine.reduce((sum, place) => sum + Math.max(0, Math.ceil((left - place) / every)), 0);
}
