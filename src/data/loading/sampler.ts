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
