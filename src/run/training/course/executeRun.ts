import { join } from 'node:path';
import type { OpenLanes } from '../../../engine/contract.ts';
import { type TrainProgram, trainProgram } from '../../../program/trainProgram.ts';
import { type Checkpoint, type Progress, saveCheckpoint } from '../../../train/checkpointNode.ts';
import type { RunEvent, UnstampedEvent } from '../../../train/events.ts';
import type { Logger } from '../../../train/loggers/logger.ts';
import { runUpdates } from '../../../train/stageLoop.ts';
import { TrainState, withoutSlots } from '../../../train/trainState.ts';
import { announce } from './announce.ts';
import { BatchStream } from './batches.ts';
import { type RunParts, stageSpec } from '../stage/spec.ts';
import { toldEarly, watch } from './earlyStop.ts';
import { initialState } from '../stage/initialWeights.ts';
import { nextLedger, nextMultiple } from './ledgerSteps.ts';
import type { LoadedModel } from '../../models/loaded.ts';
import { writeRunConfig } from '../../plan/configFileNode.ts';
import { trainLoader } from '../../datasets/loaders.ts';
import { RunEvaluator } from './evaluator.ts';
import { openRunLoggers } from './loggersNode.ts';
import type { ExecuteOptions } from './executeOptions.ts';
import { bestStep, type RunResult } from './result.ts';
import { describe, noProgress, writeBest, writeRunReport } from './saveModel.ts';
import { hasNewOptimiser, type PlannedStage, updatesIn } from '../../plan/stages.ts';
import { stageSchedule } from '../../plan/schedule.ts';
import { openRunLanes, openSteps, type StageSteps } from '../stage/steps.ts';
import { openStageTeacher, type StageTeacher } from '../stage/teacher.ts';
import { ownView } from '../../teacher/features.ts';
import { ledgerOf, measureAutoWeights, type ProbeTask, probeTerms } from '../stage/termProbe.ts';
import { writeTrainedImages } from '../../datasets/trainedImages.ts';

type Parts = RunParts & { readonly init: LoadedModel | undefined };

/** Runs the stages of an assembled run in its folder, from the start or from a checkpoint. */
export async function executeRun(
  parts: Parts,
  out: string,
  from: Checkpoint | undefined,
  options: ExecuteOptions,
): Promise<RunResult> {
  const execution = await RunExecution.open(parts, out, from, options);
  try {
    return await execution.run();
  } catch (error) {
    execution.emit({
      type: 'runEnd',
      reason: 'failed',
      seconds: execution.seconds(),
      summary: { error: (error as Error).message },
    });
    throw error;
  } finally {
    await execution.close();
  }
}

class RunExecution {
  readonly #parts: Parts;
  readonly #out: string;
  readonly #options: ExecuteOptions;
  readonly #logger: Logger;
  readonly #batches: BatchStream;
  readonly #evaluator: RunEvaluator;
  readonly #started = performance.now();
  readonly #updatesPerEpoch: number;
  readonly #totalSteps: number;
  #state: TrainState | undefined;
  #teacher: StageTeacher | undefined;
  #steps: StageSteps | undefined;
  #lanes: OpenLanes | undefined;
  #progress: Progress;
  #from: Checkpoint | undefined;
  #lastSave = performance.now();

  private constructor(
    parts: Parts,
    out: string,
    from: Checkpoint | undefined,
    options: ExecuteOptions,
    logger: Logger,
  ) {
    const { settings, data, stages } = parts;
    this.#parts = parts;
    this.#out = out;
    this.#options = options;
    this.#logger = logger;
    this.#from = from;
    const warn = (message: string) => this.emit({ type: 'warning', message });
    this.#evaluator = new RunEvaluator(parts, options.engine, warn);
    this.#updatesPerEpoch = updatesIn(data.train.paths.length, settings.train.batch, settings.train.accumulate);
    this.#batches = new BatchStream(
      trainLoader(data, parts.config, settings, parts.teacher && ownView(parts.teacher, parts.preprocessing), warn),
      this.#updatesPerEpoch,
      settings.train.accumulate,
    );
    this.#totalSteps = stages.at(-1)!.to;
    this.#progress = from?.progress ?? noProgress(parts, options.computed);
  }

  static async open(
    parts: Parts,
    out: string,
    from: Checkpoint | undefined,
    options: ExecuteOptions,
  ): Promise<RunExecution> {
    if (!from) await writeRunConfig(out, parts.config);
    if (!from) await writeTrainedImages(out, parts.data);
    return new RunExecution(parts, out, from, options, await openRunLoggers(out, from?.progress.step));
  }

  async run(): Promise<RunResult> {
    await announce(this.#parts, this.#totalSteps, this.#from?.progress.step, (event) => this.emit(event));
    for (const stage of this.#parts.stages) {
      if (this.#progress.step >= stage.to || this.#progress.ended) continue;
      await this.#runStage(stage);
      if (this.#progress.step < stage.to) break;
    }
    const reason = this.#progress.step < this.#totalSteps && !this.#progress.ended ? 'interrupted' : 'done';
    const { best, step } = this.#progress;
    const result: RunResult = {
      out: this.#out,
      reason,
      steps: step,
      last: this.#progress.last,
      best: best && bestStep(best, this.#parts.data),
      seconds: this.seconds(),
    };
    if (reason === 'done') {
      await this.#logger.flush();
      await writeRunReport(this.#out, (event) => this.emit(event));
    }
    this.emit({
      type: 'runEnd',
      reason,
      seconds: result.seconds,
      summary: { last: this.#progress.last, best: result.best && { ...result.best } },
    });
    return result;
  }

  emit(event: UnstampedEvent): void {
    const stamped = { ...event, time: Date.now() } as RunEvent;
    this.#logger.on(stamped);
    this.#options.onEvent?.(stamped);
  }

  seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  async close(): Promise<void> {
    // After an error: lanes may still look at images, and what went wrong first is what is told.
    await this.#steps?.dispose().catch(() => undefined);
    await this.#teacher?.source.close();
    await this.#batches.close();
    await this.#evaluator.close();
    await this.#lanes?.close();
    await this.#logger.close();
  }

  async #runStage(stage: PlannedStage): Promise<void> {
    const { engine } = this.#options;
    this.emit({ type: 'stageStart', stage: stage.index, name: stage.name, steps: stage.to - stage.from });
    const { program, steps } = await this.#enterStage(stage);
    await this.#evaluator.enterStage(program.vectors);
    // A run that fails in its first epoch can be resumed too.
    if (this.#progress.step === 0) await this.#save('last');
    while (this.#progress.step < stage.to) {
      const { step } = this.#progress;
      const epochEnd = Math.min(
        stage.to,
        nextMultiple(step, this.#updatesPerEpoch * this.#parts.settings.train.evalEvery),
      );
      const { settings } = this.#parts;
      const ledgerAt = nextLedger(stage, step, settings.train.ledgerEvery);
      const finished = await runUpdates({
        ...{ engine, program, update: steps.update, accumulateStep: steps.accumulateStep },
        accumulate: settings.train.accumulate,
        state: this.#state!,
        inputs: async (step, micro, lane) => steps.inputs(await this.#batches.at(step, micro), lane),
        batch: settings.train.batch,
        stage: stage.index,
        from: step,
        to: Math.min(epochEnd, ledgerAt),
        totalSteps: this.#totalSteps,
        updatesPerEpoch: this.#updatesPerEpoch,
        optimiserFrom: stage.optimiserFrom,
        schedule: stageSchedule(settings, this.#parts.config, stage, this.#updatesPerEpoch, this.#totalSteps),
        emaDecay: settings.train.ema,
        seed: settings.train.seed,
        emit: (event) => this.emit(event),
        pause: (finished) => this.#saveDue() && finished < epochEnd,
      });
      this.#progress = { ...this.#progress, step: finished };
      if (finished === ledgerAt) await this.#tellLedger(stage, program);
      if (finished === epochEnd) await this.#evaluate(stage, finished);
      else if (finished === ledgerAt && !this.#saveDue()) continue;
      await this.#save('last');
      if (this.#options.signal?.aborted || this.#progress.ended) break;
    }
    this.#steps = undefined;
    await steps.dispose();
  }

  /** Builds and compiles a stage; its state comes from the checkpoint, the stage before or the initialisers, by name. */
  async #enterStage(stage: PlannedStage) {
    const { engine } = this.#options;
    const { seed } = this.#parts.settings.train;
    const emit = (event: UnstampedEvent) => this.emit(event);
    const begun = () => initialState(this.#parts, this.#parts.init, emit);
    const inherited = this.#from?.state ?? (this.#state ? await this.#state.read() : begun());
    const resuming =
      this.#from !== undefined && this.#progress.stage === stage.index && this.#progress.step > stage.from;
    await this.#teacher?.source.close();
    const known = resuming ? this.#progress.teacher : undefined;
    this.#teacher = await openStageTeacher(this.#parts, stage, engine, known, emit);
    await this.#batches.showTeacher(this.#teacher !== undefined);
    const weights = resuming
      ? this.#progress.weights
      : await measureAutoWeights(this.#probeTask(stage, {}), inherited, (message) => emit({ type: 'note', message }));
    const program = trainProgram(stageSpec(this.#parts, stage, weights));
    this.#lanes ??= openRunLanes(this.#parts, engine);
    const steps = await openSteps(this.#parts, engine, program, this.#teacher, this.#lanes, (message) =>
      emit({ type: 'note', message }),
    );
    this.#steps = steps;
    const state = new TrainState(engine, program);
    state.write(resuming || !hasNewOptimiser(stage) ? inherited : withoutSlots(inherited), seed);
    this.#state = state;
    this.#from = undefined;
    const { teacher: _, ...progress } = this.#progress;
    const teacher = this.#teacher && { teacher: this.#teacher.choice };
    this.#progress = { ...progress, stage: stage.index, weights, ...teacher };
    return { program, steps };
  }

  #probeTask(stage: PlannedStage, weights: Readonly<Record<string, number>>): ProbeTask {
    const { step } = this.#progress;
    return {
      spec: stageSpec(this.#parts, stage, weights),
      engine: this.#options.engine,
      seed: this.#parts.settings.train.seed,
      step,
      peek: () => this.#batches.peek(step),
      teacher: this.#teacher?.source.feeds,
    };
  }

  /** What each loss term weighs in the gradient now; told where there is more than one. */
  async #tellLedger(stage: PlannedStage, { vectors, weights }: TrainProgram): Promise<void> {
    if (Object.keys(weights).length < 2) return;
    const { step } = this.#progress;
    const probed = await probeTerms(this.#probeTask(stage, this.#progress.weights), vectors, this.#state!);
    const epoch = Math.floor(step / this.#updatesPerEpoch) + 1;
    this.emit({ type: 'ledger', step, epoch, stage: stage.index, terms: ledgerOf(weights, probed) });
  }

  /** Whether a checkpoint is due: by the clock, or because the run is to stop. */
  #saveDue(): boolean {
    if (this.#options.signal?.aborted) return true;
    return (performance.now() - this.#lastSave) / 1000 > this.#parts.settings.train.checkpointSeconds;
  }

  async #evaluate(stage: PlannedStage, step: number): Promise<void> {
    const [epoch, { reportOnly }] = [Math.ceil(step / this.#updatesPerEpoch), this.#parts.data];
    const found = await this.#evaluator.evaluate(this.#state!, epoch);
    for (const { metrics, ema } of found.events)
      this.emit({ type: 'evaluation', step, epoch, stage: stage.index, metrics, ...(ema ? { ema } : {}) });
    this.#progress = { ...this.#progress, last: found.named };
    if (!reportOnly) this.#watchForEnd(stage, step);
    if (!reportOnly && this.#progress.best !== null && found.score <= this.#progress.best.metric) return;
    this.#progress = { ...this.#progress, best: { step, metric: found.score } };
    await this.#save('best');
    await writeBest(this.#out, this.#parts, this.#state!, found, { step, epoch }, this.#options.lock);
  }

  /** Early stop, in the last stage: those before it are followed by more. */
  #watchForEnd(stage: PlannedStage, step: number): void {
    const stop = this.#parts.settings.train.earlyStop;
    if (stop === null || stage.to !== this.#totalSteps) return;
    const early = watch(stop, this.#progress.early, this.#progress.last);
    const ended = early.since >= stop.patience && step < this.#totalSteps;
    this.#progress = { ...this.#progress, early, ...(ended ? { ended } : {}) };
    if (ended) this.emit({ type: 'note', message: toldEarly(stop, early, step, this.#totalSteps) });
  }

  async #save(kind: 'last' | 'best'): Promise<void> {
    await this.#logger.flush();
    const path = join(this.#out, 'checkpoints', kind);
    const checkpoint = { progress: this.#progress, state: await this.#state!.read() };
    await saveCheckpoint(path, describe(this.#parts), checkpoint, this.#options.lock);
    if (kind === 'last') this.#lastSave = performance.now();
    this.emit({ type: 'checkpoint', step: this.#progress.step, kind, path });
  }
}
