import { type Engine, type EngineTensor, hostArray } from '../engine/contract.ts';
import { sizeOf } from '../graph/shape.ts';
import { crossEntropy } from '../losses/crossEntropy.ts';
import type { Model } from '../models/index.ts';
import { initialValue } from '../nn/initialise.ts';
import { adamw } from '../optim/adamw.ts';
import { closeProgram, type Program } from '../program/program.ts';
import { type TrainProgram, trainProgram } from '../program/trainProgram.ts';
import { stream } from '../random/stream.ts';

/** What is run: all of a step (forward, backward, AdamW), to the gradient's norm, or forward alone. */
export type StepPart = 'full' | 'gradient' | 'forward';

/** Steps that are not counted: memory is taken and caches fill. */
const WARM_UP = 3;

/** A training step of a model, in float32, with random images. */
export class StepOf {
  readonly program: Program;
  readonly #model: Model;
  readonly #batch: number;
  readonly #training: TrainProgram;

  constructor(model: Model, batch: number, part: StepPart = 'full') {
    this.#model = model;
    this.#batch = batch;
    this.#training = trainProgram({
      batch,
      student: model,
      loss: ({ student, targets }) => ({ ce: { value: crossEntropy(student.logits, targets), weight: 1 } }),
      optimiser: adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.05 }),
      accumulate: 1,
      ema: false,
      pixels: [3, model.imageSize, model.imageSize],
    });
    const { update } = this.#training;
    const wanted = part === 'forward' ? ['loss'] : ['loss', 'gradNorm'];
    this.program =
      part === 'full' ? update : closeProgram(new Map(wanted.map((port) => [port, update.outputs.get(port)!])));
  }

  /**
   * Takes so many steps after a few that are not counted; gives the seconds of each, of the clock and, where `spent` tells them, of
   * the processor, and the last one's loss.
   */
  async time(
    engine: Engine,
    steps: number,
    options: Parameters<Engine['compile']>[1] = {},
    spent: () => number = () => Number.NaN,
  ) {
    const started = performance.now();
    const compiled = await engine.compile(this.program, { stays: (port) => port.startsWith('next.'), ...options });
    const buildSeconds = (performance.now() - started) / 1000;
    const feeds = this.#fill(engine);
    const into: Record<string, EngineTensor> = {};
    for (const [port, { dtype, shape }] of this.program.outputs) into[port] = engine.empty(dtype, shape);
    const [seconds, cpuSeconds]: [number[], number[]] = [[], []];
    let loss = Number.NaN;
    for (let step = 0; step < steps + WARM_UP; step++) {
      const [before, used] = [performance.now(), spent()];
      await compiled.run(feeds, into);
      // What a GPU was given to do is done when a value can be read.
      loss = ((await into.loss!.read()) as Float32Array)[0]!;
      seconds.push((performance.now() - before) / 1000);
      cpuSeconds.push(spent() - used);
      for (const port of Object.keys(into)) swap(port, feeds, into);
    }
    await compiled.dispose();
    const counted = { seconds: seconds.slice(WARM_UP), cpuSeconds: cpuSeconds.slice(WARM_UP) };
    return { ...counted, runs: seconds.length, buildSeconds, loss };
  }

  /** Random images, labels and the initial weights. */
  #fill(engine: Engine): Record<string, EngineTensor> {
    const random = stream('bench');
    const classes = this.#model.classes;
    const scalars = this.#training.scalars({ step: 1, lr: 1e-4 });
    const out: Record<string, EngineTensor> = {};
    for (const [port, { dtype, shape }] of this.program.inputs) {
      const values = hostArray(dtype, sizeOf(shape)) as Float32Array;
      if (port === 'batch.pixels') for (let i = 0; i < values.length; i++) values[i] = random.normal();
      if (port === 'batch.targets')
        for (let row = 0; row < this.#batch; row++) values[row * classes + random.below(classes)] = 1;
      const vector = this.#training.vectors.find(({ name }) => port === `param.${name}`);
      for (const { spec, offset } of vector?.entries ?? []) values.set(initialValue(spec, 0), offset);
      if (port.startsWith('scalar.')) values[0] = scalars[port.slice('scalar.'.length)]!;
      if (port.startsWith('noise.')) values.fill(1);
      out[port] = engine.tensor(dtype, shape, values);
    }
    return out;
  }
}

/** The new state becomes the next step's. */
function swap(port: string, feeds: Record<string, EngineTensor>, into: Record<string, EngineTensor>): void {
  const fed = port.slice('next.'.length);
  if (!port.startsWith('next.') || !feeds[fed]) return;
  const held = feeds[fed];
  feeds[fed] = into[port]!;
  into[port] = held;
}
