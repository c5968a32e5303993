import type { Loader } from '../../../data/loading/loader.ts';
import type { Share } from '../../../data/loading/sampler.ts';
import { internal } from '../../../graph/errors.ts';
import type { TrainBatch } from '../../../train/batch.ts';

/** The training batches of a run, addressed by its updates. Each update takes `accumulate` of them. */
export class BatchStream {
  readonly #loader: Loader;
  readonly #updatesPerEpoch: number;
  readonly #accumulate: number;
  #batches: ReturnType<Loader['batches']> | undefined;
  /** Ends when the batch asked for last is there: lanes ask for several at once and get them in their order. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Batches of an update that `at` was asked for, in the order of the loaded ones. */
  #asked: { readonly update: number; readonly batches: Promise<TrainBatch>[] } | undefined;
  /** The micro-batches of each update that are loaded at all. */
  #mine: readonly number[];

  constructor(loader: Loader, updatesPerEpoch: number, accumulate: number) {
    this.#loader = loader;
    this.#updatesPerEpoch = updatesPerEpoch;
    this.#accumulate = accumulate;
    this.#mine = everyOne(accumulate);
  }

  /** From the next batch on only these micro-batches of each update are loaded, in rising order; default: all. */
  async take(mine: readonly number[] = everyOne(this.#accumulate)): Promise<void> {
    await this.#end();
    this.#mine = mine;
  }

  /** The next batch; the first one after a start or a `peek` is that of `update`, counted over the run from 0. */
  next(update: number): Promise<TrainBatch> {
    const batch = this.#turn.then(() => this.#take(update));
    this.#turn = batch.catch(() => undefined);
    return batch;
  }

  /** The batch of a micro-batch; those of one update may be asked for in any order, the updates in theirs. */
  at(update: number, micro: number): Promise<TrainBatch> {
    if (this.#asked?.update !== update) this.#asked = { update, batches: [] };
    const { batches } = this.#asked;
    const place = this.#mine.indexOf(micro);
    if (place < 0) throw internal(`micro-batch ${micro} is not loaded here`);
    while (batches.length <= place) {
      const batch = this.next(update);
      // Whoever asks for it is told; an error that nobody asked for is not one of the process.
      batch.catch(() => undefined);
      batches.push(batch);
    }
    return batches[place]!;
  }

  async #take(update: number): Promise<TrainBatch> {
    this.#batches ??= this.#loader.batches(this.#position(update), this.#share());
    for (;;) {
      const { value, done } = await this.#batches.next();
      if (done || !value) throw internal('the loader ended');
      // Micro-batches that do not fill an update at the end of an epoch are passed over.
      if (value.step < this.#updatesPerEpoch * this.#accumulate) return value;
      value.release();
    }
  }

  /** A copy of the first batch of an update, without moving: the stream is opened anew afterwards. */
  async peek(update: number): Promise<TrainBatch> {
    await this.#end();
    const kept = this.#mine;
    this.#mine = everyOne(this.#accumulate);
    const batch = await this.next(update);
    this.#mine = kept;
    const { images, labels, teacherImages } = batch;
    const copy = {
      ...batch,
      images: images.slice(),
      labels: labels.slice(),
      ...(teacherImages && { teacherImages: teacherImages.slice() }),
      release: () => undefined,
    };
    batch.release();
    await this.#end();
    return copy;
  }

  /** The next batch asked for may be any. */
  restart(): Promise<void> {
    return this.#end();
  }

  /** Whether the teacher's own view is made from the next batch on. */
  async showTeacher(wanted: boolean): Promise<void> {
    await this.#end();
    this.#loader.showTeacher(wanted);
  }

  async close(): Promise<void> {
    await this.#end();
    await this.#loader.close();
  }

  async #end(): Promise<void> {
    await this.#batches?.return(undefined);
    this.#batches = undefined;
    this.#asked = undefined;
  }

  #share(): Share | undefined {
    const every = this.#accumulate;
    if (this.#mine.length === every) return undefined;
    return { every, mine: this.#mine, used: this.#updatesPerEpoch * every };
  }

  #position(update: number): { epoch: number; step: number } {
    const step = (update % this.#updatesPerEpoch) * this.#accumulate;
    return { epoch: Math.floor(update / this.#updatesPerEpoch), step };
  }
}

const everyOne = (count: number): number[] => Array.from({ length: count }, (_, micro) => micro);
