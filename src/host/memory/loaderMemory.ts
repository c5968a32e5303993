import type { LoadedBatch, Loader, LoaderOptions } from '../../data/loading/loader.ts';
import { epochOrder, type Position, stepsPerEpoch } from '../../data/loading/sampler.ts';

/** RGB [3,S,S] of an image of a list, normalised. */
export type PixelsOf = (path: string, imageSize: number) => Float32Array;

/** Batches of images that are computed, in the order that every loader has; nothing is augmented. */
export function memoryLoader(options: LoaderOptions, pixelsOf: PixelsOf): Loader {
  const { list, batch, train, seed } = options;
  const n = list.paths.length;
  const steps = stepsPerEpoch(n, batch, train);
  async function* batches({ epoch, step }: Position = { epoch: 0, step: 0 }): AsyncGenerator<LoadedBatch, void, void> {
    for (let at = epoch * steps + step; train || at < steps; at++) {
      const position = { epoch: Math.floor(at / steps), step: at % steps };
      const order = train ? epochOrder(n, seed, position.epoch) : undefined;
      const rows = Array.from({ length: batch }, (_, row) => position.step * batch + row);
      yield batchOf(
        rows.map((place) => (order ? order[place % n]! : place < n ? place : -1)),
        position,
        options,
        pixelsOf,
      );
    }
  }
  return { stepsPerEpoch: steps, bad: new Map(), batches, showTeacher: () => undefined, close: async () => undefined };
}

function batchOf(
  indices: readonly number[],
  position: Position,
  { list, transform: { imageSize } }: LoaderOptions,
  pixelsOf: PixelsOf,
): LoadedBatch {
  const size = 3 * imageSize ** 2;
  const images = new Float32Array(indices.length * size);
  for (const [row, index] of indices.entries())
    if (index >= 0) images.set(pixelsOf(list.paths[index]!, imageSize), row * size);
  return {
    ...position,
    images,
    labels: Int32Array.from(indices, (index) => (index < 0 ? 0 : list.labels[index]!)),
    indices: Int32Array.from(indices),
    valid: Uint8Array.from(indices, (index) => Number(index >= 0)),
    views: new Int32Array(indices.length),
    count: indices.filter((index) => index >= 0).length,
    own: 1,
    waitSeconds: 0,
    release: () => undefined,
  };
}
