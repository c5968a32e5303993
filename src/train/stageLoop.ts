import type { Compiled, Engine, EngineTensor } from '../engine/contract.ts';
import type { Schedule } from '../optim/schedule.ts';
import type { TrainProgram } from '../program/trainProgram.ts';
import type { UnstampedEvent } from './events.ts';
import { Lanes, runUpdateInLanes } from './lanes.ts';
import type { TrainState } from './trainState.ts';
import { type Measured, noiseFeeds, refuseNonFinite, scalarFeeds, scalarPorts, weighed } from './updateParts.ts';

/** A micro-batch of training images. */
export interface TrainBatch {
  /** [B,3,S,S] */
  readonly images: Float32Array;
  /** Class of each image, -1 without a label. */
  readonly labels: Int32Array;
  /** Of multilabel data the classes of each image, in place of `labels`. */
  readonly sets?: readonly (readonly number[])[];
  /** Share of its own image and label in row i; the rest is that of row B-1-i (mixup, cutmix). Left out: not mixed. */
  readonly own?: number;
  /** Which image of the list each row is, and which of its fixed views. */
  readonly indices?: Int32Array;
  readonly views?: Int32Array;
  /** [B,3,T,T]: the same images as a teacher with an input size of its own sees them. */
  readonly teacherImages?: Float32Array;
  readonly waitSeconds: number;
  release(): void;
}

/** What the host gives a step besides the state, the scalars and the noise. */
export interface StepInputs {
  readonly feeds: Readonly<Record<string, EngineTensor>>;
  readonly waitSeconds: number;
  /** Seconds that the teacher took, where there is one. */
  readonly teacherSeconds?: number;
  /** Called when the step has read them. */
  release(): void;
}

/** The teacher's features of a batch, as ports of a program. */
export type TeacherFeeds = (batch: TrainBatch) => Promise<Record<string, EngineTensor>>;

export interface StageLoop {
  readonly engine: Engine;
  readonly program: TrainProgram;
  /** The whole update, or lanes in which its micro-batches are computed beside each other. */
  readonly update: Compiled | Lanes;
  /** Present where gradients are accumulated and not by lanes. */
  readonly accumulateStep: Compiled | undefined;
  readonly accumulate: number;
  readonly state: TrainState;
  /** The inputs of a micro-batch of an update, as tensors of the loop's engine or of a lane's. */
  readonly inputs: (step: number, micro: number, lane?: number) => Promise<StepInputs>;
  /** Images in a micro-batch. */
  readonly batch: number;
  readonly stage: number;
  /** Updates of this call, counted over the run from 0. */
  readonly from: number;
  readonly to: number;
  readonly totalSteps: number;
  readonly updatesPerEpoch: number;
  /** Update at which the optimiser began; its clock counts from there. Default: 0. */
  readonly optimiserFrom?: number;
  readonly schedule: Schedule;
  readonly emaDecay: number | null;
  readonly seed: number;
  readonly emit: (event: UnstampedEvent) => void;
  /** Told the loss of an update before it is taken: the state is still the one that was measured. */
  readonly measured?: (step: number, loss: number) => Promise<void>;
  /** Asked after each update; true leaves the loop. */
  readonly pause: (finishedSteps: number) => boolean;
}

/** Runs updates until `to` or a pause; gives the number of finished updates. */
export async function runUpdates(loop: StageLoop): Promise<number> {
  const clock = new RateClock(loop.batch * loop.accumulate);
  for (let step = loop.from; step < loop.to; step++) {
    const lr = loop.schedule(step);
    const measured = await runUpdate(loop, step, lr);
    const { imagesPerSec, dataWait, teacherTime } = clock.tick(measured);
    const { loss, terms, gradNorm } = measured;
    loop.emit({
      type: 'step',
      step: step + 1,
      epoch: Math.floor(step / loop.updatesPerEpoch) + 1,
      stage: loop.stage,
      loss,
      terms,
      lr,
      gradNorm,
      imagesPerSec,
      dataWait,
      ...(measured.teacherSeconds === undefined ? {} : { teacherTime }),
      etaSeconds: ((loop.totalSteps - step - 1) * loop.batch * loop.accumulate) / imagesPerSec,
      totalSteps: loop.totalSteps,
    });
    if (loop.pause(step + 1)) return step + 1;
  }
  return loop.to;
}

async function runUpdate(loop: StageLoop, step: number, lr: number): Promise<Measured> {
  const { engine, program, state, accumulate, update } = loop;
  if (update instanceof Lanes) return runUpdateInLanes(loop, update, step, lr);
  let [loss, waitSeconds] = [0, 0];
  let teacherSeconds: number | undefined;
  const values: Record<string, number> = {};
  for (let micro = 0; micro < accumulate; micro++) {
    const last = micro === accumulate - 1;
    const [compiled, outputs] = last
      ? [update, program.update.outputs]
      : [loop.accumulateStep!, program.accumulate!.outputs];
    const inputs = await loop.inputs(step, micro);
    waitSeconds += inputs.waitSeconds;
    if (inputs.teacherSeconds !== undefined) teacherSeconds = (teacherSeconds ?? 0) + inputs.teacherSeconds;
    const scalars = scalarPorts(outputs.keys(), engine);
    const drawn = noiseFeeds(engine, loop, step, micro);
    const feeds = { ...state.feeds(), ...inputs.feeds, ...scalarFeeds(loop, step, lr), ...drawn };
    await compiled.run(feeds, { ...state.into(outputs), ...scalars });
    inputs.release();
    for (const [name, tensor] of Object.entries(scalars)) values[name] = ((await tensor.read()) as Float32Array)[0]!;
    loss += values.loss! / accumulate;
    refuseNonFinite(values, step);
    if (last) await loop.measured?.(step, loss);
    state.commit(outputs);
  }
  if (accumulate > 1) state.clearAccumulated();
  return { loss, terms: weighed(program, values), gradNorm: values.gradNorm!, waitSeconds, teacherSeconds };
}

/** A batch of training images as a step takes it. */
export function batchInputs(engine: Engine, batch: TrainBatch, classes: number, imageSize: number): StepInputs {
  const { images, labels, waitSeconds, release } = batch;
  const feeds = {
    'batch.pixels': engine.tensor('float32', [labels.length, 3, imageSize, imageSize], images),
    'batch.targets': engine.tensor('float32', [labels.length, classes], targetRows(batch, classes)),
  };
  return { feeds, waitSeconds, release };
}

/** The same with what the teacher says of it. */
export async function taughtInputs(
  engine: Engine,
  batch: TrainBatch,
  classes: number,
  imageSize: number,
  teacher: TeacherFeeds | undefined,
): Promise<StepInputs> {
  const inputs = batchInputs(engine, batch, classes, imageSize);
  if (!teacher) return inputs;
  const before = performance.now();
  const features = await teacher(batch);
  const teacherSeconds = (performance.now() - before) / 1000;
  return { ...inputs, feeds: { ...inputs.feeds, ...features }, teacherSeconds };
}

/** Label rows [B,K]; a row without a label is zero. */
export function oneHot(labels: Int32Array, classes: number): Float32Array {
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => {
    if (label >= 0) rows[row * classes + label] = 1;
  });
  return rows;
}

/** The label rows [B,K] of a batch, mixed as its images are: one-hot, or of multilabel data 1 for each class of the image. */
export function targetRows(
  { labels, sets, own = 1 }: Pick<TrainBatch, 'labels' | 'sets' | 'own'>,
  classes: number,
): Float32Array {
  const rows = sets ? multiHot(sets, classes) : oneHot(labels, classes);
  if (own === 1) return rows;
  const last = labels.length - 1;
  const partner = (i: number) => (last - Math.floor(i / classes)) * classes + (i % classes);
  return rows.map((x, i) => own * x + (1 - own) * rows[partner(i)]!);
}

function multiHot(sets: readonly (readonly number[])[], classes: number): Float32Array {
  const rows = new Float32Array(sets.length * classes);
  for (const [row, set] of sets.entries()) for (const k of set) rows[row * classes + k] = 1;
  return rows;
}

/** Images a second, smoothed over about twenty updates, and the shares of time spent waiting for data and in the teacher. */
class RateClock {
  readonly #images: number;
  #before = performance.now();
  #seconds = 0;
  #waiting = 0;
  #teacher = 0;
  #weight = 0;

  constructor(images: number) {
    this.#images = images;
  }

  tick({ waitSeconds, teacherSeconds }: Pick<Measured, 'waitSeconds' | 'teacherSeconds'>) {
    const now = performance.now();
    const keep = 0.95;
    this.#seconds = keep * this.#seconds + (now - this.#before) / 1000;
    this.#waiting = keep * this.#waiting + waitSeconds;
    this.#teacher = keep * this.#teacher + (teacherSeconds ?? 0);
    this.#weight = keep * this.#weight + 1;
    this.#before = now;
    return {
      imagesPerSec: (this.#images * this.#weight) / this.#seconds,
      dataWait: Math.min(1, this.#waiting / this.#seconds),
      teacherTime: Math.min(1, this.#teacher / this.#seconds),
    };
  }
}
