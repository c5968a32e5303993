import type { Compiled, Engine, EngineTensor } from '../../engine/contract.ts';
import { type Answering, checkRows } from '../../engine/finiteAnswer.ts';
import { sizeOf } from '../../graph/shape.ts';
import type { Program } from '../../program/program.ts';
import { portOf } from '../../program/teacherPorts.ts';
import type { Outputs } from '../../store/outputs.ts';
import type { TeacherFeeds, TrainBatch } from '../../train/batch.ts';

export interface TeacherSourceOptions {
  readonly engine: Engine;
  /** `pixels` -> the features that the stage reads. */
  readonly program: Program;
  /** Named where a feature is not finite. */
  readonly answering: Answering;
  /** What the teacher said before; undefined computes everything each time. */
  readonly store?: Outputs | undefined;
  /** The store is another source's, which closes it. Default: false. */
  readonly borrowed?: boolean;
}

/**
 * The teacher's features of each batch, as the ports of a step. Computed by a program of its own, so that the step, the probe of
 * the loss terms and gradient accumulation need no copy of the teacher, or read from the store. The program is compiled when
 * something first has to be computed.
 */
export class TeacherSource {
  readonly #engine: Engine;
  readonly #program: Program;
  readonly #answering: Answering;
  readonly #store: Outputs | undefined;
  readonly #borrowed: boolean;
  readonly #into: Readonly<Record<string, EngineTensor>>;
  #compiled: Compiled | undefined;

  constructor({ engine, program, answering, store, borrowed = false }: TeacherSourceOptions) {
    this.#engine = engine;
    this.#program = program;
    this.#answering = answering;
    this.#store = store;
    this.#borrowed = borrowed;
    this.#into = Object.fromEntries(
      [...program.outputs].map(([name, { dtype, shape }]) => [name, engine.empty(dtype, shape)]),
    );
  }

  /** Good until the next call. */
  readonly feeds: TeacherFeeds = async (batch) => {
    if (this.#store) await this.#throughStore(batch, this.#store);
    else await this.#compute(batch);
    return Object.fromEntries(Object.entries(this.#into).map(([name, tensor]) => [portOf(name), tensor]));
  };

  /** The same features as tensors of another engine, which computes them. To be closed before this one. */
  on(engine: Engine): TeacherSource {
    return new TeacherSource({
      engine,
      program: this.#program,
      answering: this.#answering,
      store: this.#store,
      borrowed: true,
    });
  }

  async close(): Promise<void> {
    await this.#compiled?.dispose();
    if (!this.#borrowed) this.#store?.close();
  }

  async #compute({ images, teacherImages, indices, labels }: TrainBatch): Promise<void> {
    // On a device the features stay where the step reads them; the store wants them on the host. Answers are few, and a
    // NaN among them may come to no loss (a decision of theirs is a label like any other), so they are always looked at.
    const stays = (name: string): boolean => !this.#store && !['logits', 'placeLogits'].includes(name);
    this.#compiled ??= await this.#engine.compile(this.#program, { stays });
    const { shape } = this.#program.inputs.get('pixels')!;
    const pixels = this.#engine.tensor('float32', shape, teacherImages ?? images);
    await this.#compiled.run({ pixels }, this.#into);
    const rows = indices ?? Int32Array.from(labels, (_, row) => row);
    for (const [name, tensor] of Object.entries(this.#into))
      if (!this.#engine.onDevice || !stays(name))
        checkRows((await tensor.read()) as Float32Array, name, this.#answering, rows);
  }

  async #throughStore(batch: TrainBatch, store: Outputs): Promise<void> {
    const { indices, views } = batch;
    const B = batch.labels.length;
    const values = Object.entries(this.#into).map(([name, { shape }]) => ({
      name,
      length: sizeOf(shape) / B,
      rows: new Float32Array(sizeOf(shape)),
    }));
    const rowOf = ({ rows, length }: (typeof values)[number], row: number) =>
      rows.subarray(row * length, (row + 1) * length);
    const missing: { readonly row: number; readonly name: string }[] = [];
    for (let row = 0; row < B; row++)
      for (const value of values)
        if (!store.read(value.name, indices![row]!, views![row]!, rowOf(value, row)))
          missing.push({ row, name: value.name });
    if (missing.length > 0) {
      await this.#compute(batch);
      for (const value of values) {
        const fresh = (await this.#into[value.name]!.read()) as Float32Array;
        for (const { row } of missing.filter(({ name }) => name === value.name)) {
          const given = fresh.subarray(row * value.length, (row + 1) * value.length);
          // What is kept is what the student learns from, in the first epoch as in all others.
          rowOf(value, row).set(store.write(value.name, indices![row]!, views![row]!, given));
        }
      }
    }
    for (const { name, rows } of values) this.#into[name]!.write(rows);
  }
}
