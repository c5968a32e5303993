import type { LoadedBatch, LoaderOptions } from './loader.ts';
import { batchesLeft, globalStep, type Position, type Share, stepAt, stepsPerEpoch } from './sampler.ts';

/** The streams of a loader whose batches are promises: so many are under way ahead of the one that is taken. */
export class AheadStreams {
  readonly #options: LoaderOptions;
  readonly #make: (globalStep: number) => Promise<LoadedBatch>;
  readonly #ahead: number;
  #stream = 0;

  constructor(options: LoaderOptions, make: (globalStep: number) => Promise<LoadedBatch>, ahead: number) {
    this.#options = options;
    this.#make = make;
    this.#ahead = ahead;
  }

  async *batches(from: Position = { epoch: 0, step: 0 }, share?: Share): AsyncGenerator<LoadedBatch, void, void> {
    const { list, batch, train } = this.#options;
    const own = ++this.#stream;
    const steps = stepsPerEpoch(list.paths.length, batch, train);
    const first = globalStep(from, steps);
    const total = train ? Number.POSITIVE_INFINITY : batchesLeft(from, steps, share);
    const under: Promise<LoadedBatch>[] = [];
    let begun = 0;
    const begin = () => {
      for (; begun < total && under.length < this.#ahead; begun++) {
        const next = this.#make(stepAt(begun, first, steps, share));
        // Whoever asks for it is told.
        next.catch(() => undefined);
        under.push(next);
      }
    };
    begin();
    for (let next = under.shift(); next; next = under.shift()) {
      const asked = performance.now();
      const made = await next;
      const waitSeconds = (performance.now() - asked) / 1000;
      if (own !== this.#stream) return;
      begin();
      yield { ...made, waitSeconds };
    }
  }

  /** Ends the stream under way. */
  end(): void {
    this.#stream++;
  }
}
