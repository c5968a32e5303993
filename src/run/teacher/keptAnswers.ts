import type { Compiled, Engine, EngineTensor } from '../../engine/contract.ts';
import type { LoadedBatch, Loader } from '../../data/loading/loader.ts';
import type { Share } from '../../data/loading/sampler.ts';
import type { Program } from '../../program/program.ts';
import type { Outputs } from '../../store/outputs.ts';

/** A program `pixel_values -> logits` whose answers are kept: it is compiled and run for images that it has not answered yet. */
export class KeptAnswers implements Compiled {
  readonly #engine: Engine;
  readonly #program: Program;
  readonly #store: Outputs;
  #compiled: Compiled | undefined;
  #batch: LoadedBatch | undefined;

  constructor(engine: Engine, program: Program, store: Outputs) {
    this.#engine = engine;
    this.#program = program;
    this.#store = store;
  }

  /** The batches of a loader; the one that was given last is the one that `run` answers. */
  async *watch(loader: Loader, share?: Share): AsyncGenerator<LoadedBatch, void, void> {
    for await (const batch of loader.batches(undefined, share)) {
      this.#batch = batch;
      yield batch;
    }
  }

  async run(
    feeds: Readonly<Record<string, EngineTensor>>,
    into: Readonly<Record<string, EngineTensor>>,
  ): Promise<void> {
    const { indices, valid } = this.#batch!;
    const [B, classes] = into.logits!.shape as [number, number];
    const rows = new Float32Array(B * classes);
    const rowOf = (values: Float32Array, row: number) => values.subarray(row * classes, (row + 1) * classes);
    const missing = [...valid.keys()].filter(
      (row) => valid[row] && !this.#store.read('logits', indices[row]!, 0, rowOf(rows, row)),
    );
    if (missing.length > 0) {
      this.#compiled ??= await this.#engine.compile(this.#program);
      await this.#compiled.run(feeds, into);
      const fresh = (await into.logits!.read()) as Float32Array;
      for (const row of missing) rowOf(rows, row).set(this.#store.write('logits', indices[row]!, 0, rowOf(fresh, row)));
    }
    into.logits!.write(rows);
  }

  async dispose(): Promise<void> {
    await this.#compiled?.dispose();
    this.#store.close();
  }
}
