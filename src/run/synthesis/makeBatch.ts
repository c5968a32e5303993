import { setImmediate } from 'node:timers/promises';
import type { SynthesisSettings } from '../../config/synthesis.ts';
import type { Compiled, Engine } from '../../engine/contract.ts';
import { adamw } from '../../optim/adamw.ts';
import { type Schedule, warmupConstant, warmupCosine } from '../../optim/schedule.ts';
import { imageShape, imageStep, type ImageSpec } from '../../program/imageStep.ts';
import { drawShift, shiftMatrices } from '../../program/shifts.ts';
import { type TrainProgram, trainProgram } from '../../program/trainProgram.ts';
import { stream } from '../../random/stream.ts';
import type { StepEvent } from '../../train/events.ts';
import { systemClock } from '../../host/clock.ts';
import { runUpdates } from '../../train/stageLoop.ts';
import { oneHot } from '../../train/batch.ts';
import { TrainState } from '../../train/trainState.ts';
import { frozenBuilder } from '../teacher/features.ts';
import type { LoadedModel } from '../models/loaded.ts';
import type { PlannedBatch } from './plan.ts';

interface Phase {
  readonly shrink: number;
  readonly iterations: number;
  readonly jitter: number;
  readonly program: TrainProgram;
  readonly update: Compiled;
}

export type ImageStepEvent = Omit<StepEvent, 'time'>;

export interface BatchWatch {
  readonly onStep?: (event: ImageStepEvent) => void;
  readonly onPreview?: (images: Float32Array) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** Makes batches of images, one after the other, with steps that are compiled once. */
export class BatchMaker {
  readonly spec: Omit<ImageSpec, 'shrink'>;
  readonly #settings: SynthesisSettings;
  readonly #engine: Engine;
  readonly #phases: readonly Phase[];

  private constructor(
    spec: Omit<ImageSpec, 'shrink'>,
    settings: SynthesisSettings,
    engine: Engine,
    phases: readonly Phase[],
  ) {
    this.spec = spec;
    this.#settings = settings;
    this.#engine = engine;
    this.#phases = phases;
  }

  static async open(
    teacher: LoadedModel,
    student: LoadedModel | undefined,
    settings: SynthesisSettings,
    batch: number,
    engine: Engine,
  ): Promise<BatchMaker> {
    const spec = specOf(teacher, student, settings, batch);
    const phases: Phase[] = [];
    for (const { shrink, iterations, jitter } of phasesOf(settings)) {
      const program = trainProgram(imageStep({ ...spec, shrink }));
      phases.push({ shrink, iterations, jitter, program, update: await engine.compile(program.update) });
    }
    return new BatchMaker(spec, settings, engine, phases);
  }

  /** The images of a batch, normalised [B,C,S,S], and their loss (null of noise); undefined where it was aborted. They depend on the plan alone. */
  async make(
    batch: PlannedBatch,
    watch: BatchWatch,
  ): Promise<{ images: Float32Array; loss: number | null } | undefined> {
    let images: Float32Array | undefined;
    let loss: number | null = null;
    for (const [i, phase] of this.#phases.entries()) {
      const made = await this.#runPhase(batch, phase, i, images, watch);
      if (!made) return undefined;
      // The next size starts from the last iterate; of the last size the best one is kept.
      images = i === this.#phases.length - 1 ? made.best : made.last;
      loss = made.loss;
    }
    return { images: images!, loss };
  }

  async dispose(): Promise<void> {
    for (const { update } of this.#phases) await update.dispose();
  }

  async #runPhase(batch: PlannedBatch, phase: Phase, stage: number, from: Float32Array | undefined, watch: BatchWatch) {
    const { program, update, iterations } = phase;
    const [engine, spec] = [this.#engine, this.spec];
    const state = new TrainState(engine, program);
    const given = from ? [['param.images', { shape: imageShape(spec), data: from }] as const] : [];
    state.write(new Map(given), batch.seed);
    const now = async () => (await state.read()).get('param.images')!.data.slice();
    let [best, lowest]: [Float32Array | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
    const targets = engine.tensor('float32', [spec.batch, spec.classes], oneHot(batch.labels, spec.classes));
    const { previewEvery } = this.#settings;
    const finished = await runUpdates({
      engine,
      clock: systemClock,
      program,
      update,
      state,
      accumulateStep: undefined,
      accumulate: 1,
      inputs: async (step) => {
        // A turn of the event loop, for signals and timers: the engine never gives one.
        await setImmediate();
        if (previewEvery !== null && (step === 0 || (step + 1) % previewEvery === 0))
          await watch.onPreview?.(await now());
        return {
          feeds: { 'batch.targets': targets, ...this.#shift(batch, phase, stage, step) },
          waitSeconds: 0,
          release,
        };
      },
      batch: spec.batch,
      stage,
      from: 0,
      to: iterations,
      totalSteps: iterations,
      updatesPerEpoch: iterations,
      schedule: scheduleOf(this.#settings, iterations),
      emaDecay: null,
      seed: batch.seed,
      emit: (event) => event.type === 'step' && watch.onStep?.(event),
      // Our choice: the iterate that the loss was measured on, not the one after its update.
      measured: async (_, loss) => {
        if (loss >= lowest) return;
        [best, lowest] = [await now(), loss];
      },
      pause: () => watch.signal?.aborted ?? false,
    });
    if (finished < iterations) return undefined;
    const last = await now();
    return { best: best ?? last, last, loss: best ? lowest : null };
  }

  #shift(batch: PlannedBatch, { shrink, jitter }: Phase, stage: number, step: number) {
    const side = this.spec.side / shrink;
    const shift = drawShift(jitter, this.#settings.flip, stream(batch.seed, 'shift', stage, step));
    const { rows, columns } = shiftMatrices(shift, side);
    const tensor = (values: Float32Array) => this.#engine.tensor('float32', [side, side], values);
    return { 'batch.rows': tensor(rows), 'batch.columns': tensor(columns) };
  }
}

const release = (): void => undefined;

/** The sizes that are worked at, one after the other. */
export function phasesOf({ lowIterations, iterations, jitter }: SynthesisSettings) {
  const low = { shrink: 2, iterations: lowIterations, jitter: Math.floor(jitter / 2) };
  return [...(lowIterations > 0 ? [low] : []), { shrink: 1, iterations, jitter }];
}

function scheduleOf({ lr, warmup, schedule }: SynthesisSettings, iterations: number): Schedule {
  const warmupSteps = Math.min(warmup, iterations - 1);
  const warm = { lr, warmupLr: lr / Math.max(1, warmupSteps), warmupSteps };
  return schedule === 'constant' ? warmupConstant(warm) : warmupCosine({ ...warm, minLr: 0, totalSteps: iterations });
}

function specOf(
  teacher: LoadedModel,
  student: LoadedModel | undefined,
  settings: SynthesisSettings,
  batch: number,
): Omit<ImageSpec, 'shrink'> {
  const { mean, std } = teacher.preprocessing;
  const side = sideOf(teacher, settings);
  const { ce, tv1, tv2, l2, feature, firstNorm, adi, bpid, betas, epsilon, clip } = settings;
  // A CNN takes the shrunk images as they are; it is told that they have its own size, so that nothing resizes them.
  const own = (model: LoadedModel) => frozenBuilder(model, teacher.preprocessing, teacher.classes, ['logits']);
  const unresized = (size: number) =>
    frozenBuilder(
      { ...teacher, preprocessing: { ...teacher.preprocessing, imageSize: size } },
      teacher.preprocessing,
      teacher.classes,
      ['logits'],
    );
  return {
    batch,
    side,
    classes: teacher.classes.length,
    grey: settings.grey,
    mean,
    std,
    weights: { ce, tv1, tv2, l2, feature, firstNorm, adi, bpid },
    boundary: { variant: settings.bpidVariant, margin: settings.bpidMargin },
    teacher: (pixels) => unresized(pixels.shape[2]!)(pixels),
    student: student && own(student),
    optimiser: adamw({ betas, epsilon, weightDecay: 0 }),
    clip,
  };
}

export function sideOf(teacher: LoadedModel, { size }: SynthesisSettings): number {
  return size === 'auto' ? teacher.preprocessing.imageSize : size;
}
