import type { OpenLanes } from '../../../engine/contract.ts';
import type { Host } from '../../../host/host.ts';
import { FINISH, SAVE, STOP, strength } from '../../../host/wish.ts';
import type { Checkpoint } from '../../../train/checkpoint.ts';
import type { Progress } from '../../../train/progress.ts';
import type { RunEvent } from '../../../train/events.ts';
import { combineLoggers, type Logger } from '../../../train/loggers/logger.ts';
import { runUpdates } from '../../../train/stageLoop.ts';
import type { StateArray } from '../../../train/trainState.ts';
import { trainBatches } from '../../datasets/loaders.ts';
import { modelSize } from '../../models/size.ts';
import { stageSchedule } from '../../plan/schedule.ts';
import type { PlannedStage } from '../../plan/stages.ts';
import { ownView } from '../../teacher/features.ts';
import { initialState } from '../stage/initialWeights.ts';
import { updatesPerEpoch } from '../stage/spec.ts';
import { openRunLanes } from '../stage/steps.ts';
import { toldRanks } from '../stage/shares.ts';
import { announce } from './announce.ts';
import { BatchStream } from './batches.ts';
import { type ReadyRun, writeBeginning } from './beginning.ts';
import { toldAsked, toldEarly, watch } from './earlyStop.ts';
import type { Evaluator } from './evaluated.ts';
import { nextLedger, nextMultiple } from './ledgerSteps.ts';
import { LiveStage } from './liveStage.ts';
import { openRunLoggers } from './loggers.ts';
import { openEvaluator } from './openEvaluator.ts';
import { RunRecord } from './record.ts';
import { bestStep, judgedBy, type RunResult } from './result.ts';
import { predictionsCsv } from './predictions.ts';
import { noProgress, writeBest } from './saveModel.ts';

export interface ExecuteOptions {
  readonly onEvent?: (event: RunEvent) => void;
  readonly signal?: AbortSignal;
  /** Told each event, flushed before each checkpoint and closed at the end, beside the run's own logs. */
  readonly loggers?: readonly Logger[] | undefined;
  /** Files of the heads that were fitted before, by name. */
  readonly heads?: ReadonlyMap<string, Uint8Array>;
  /** Told at the start, beside what the run says itself. */
  readonly notes?: readonly string[];
}

/** Runs the stages of a run in its folder, from the start or from a checkpoint. */
export async function executeRun(
  host: Host,
  parts: ReadyRun,
  from: Checkpoint | undefined,
  options: ExecuteOptions,
): Promise<RunResult> {
  if (!from) await writeBeginning(host, parts, options.heads ?? new Map());
  const logger = combineLoggers([await openRunLoggers(host, from?.progress.step), ...(options.loggers ?? [])]);
  const record = new RunRecord(host, parts, logger, options.onEvent);
  host.listen?.(record.note);
  const course = new RunCourse(host, parts, from, record, options);
  try {
    return await course.run();
  } catch (error) {
    const summary = { error: (error as Error).message };
    record.emit({ type: 'runEnd', reason: 'failed', seconds: record.seconds(), summary });
    throw error;
  } finally {
    await course.close();
    await record.close();
  }
}

/** Milliseconds between two looks for a wish: a look is a question to the file system. */
const LOOK_EVERY = 250;

/** Goes through the stages, update by update, with evaluations and checkpoints between them. */
class RunCourse {
  readonly #host: Host;
  readonly #parts: ReadyRun;
  readonly #record: RunRecord;
  readonly #options: ExecuteOptions;
  readonly #batches: BatchStream;
  readonly #evaluator: Evaluator;
  readonly #updatesPerEpoch: number;
  readonly #totalSteps: number;
  readonly #resumedFrom: number | undefined;
  #live: LiveStage | undefined;
  #lanes: OpenLanes | undefined;
  #progress: Progress;
  /** What the next stage takes over, by name. */
  #inherited: ReadonlyMap<string, StateArray> | undefined;
  /** A checkpoint whose stage has not been entered yet. */
  #resuming: boolean;
  /** The strongest of what is due since the last checkpoint, the same on all ranks; 0 for nothing. */
  #due = 0;
  /** When the host was last asked for a wish, by its clock. */
  #looked = Number.NEGATIVE_INFINITY;

  constructor(host: Host, parts: ReadyRun, from: Checkpoint | undefined, record: RunRecord, options: ExecuteOptions) {
    const { settings, data, stages, teacher, preprocessing, config } = parts;
    const { accumulate } = settings.train;
    const warn = (message: string) => record.emit({ type: 'warning', message });
    this.#host = host;
    this.#parts = parts;
    this.#record = record;
    this.#options = options;
    this.#evaluator = openEvaluator(parts, host, warn);
    this.#updatesPerEpoch = updatesPerEpoch(parts);
    const loading = trainBatches(
      data,
      config,
      settings,
      teacher && ownView(teacher, preprocessing, config.teacher!.sees),
      warn,
    );
    this.#batches = new BatchStream(host.loader(loading), this.#updatesPerEpoch, accumulate);
    this.#totalSteps = stages.at(-1)!.to;
    this.#progress = from?.progress ?? noProgress(parts, host.computed);
    this.#resumedFrom = from?.progress.step;
    this.#inherited = from?.state;
    this.#resuming = from !== undefined;
  }

  async run(): Promise<RunResult> {
    const told = [...(this.#options.notes ?? []), ...toldRanks(this.#parts, this.#host.ranks)];
    announce(this.#parts, this.#totalSteps, this.#resumedFrom, told, this.#record.emit);
    // What was asked of a run that has ended since is asked no more.
    if (this.#host.ranks.first) await this.#host.wish?.();
    for (const stage of this.#parts.stages) {
      if (this.#progress.step >= stage.to || this.#progress.ended) continue;
      await this.#runStage(stage);
      if (this.#progress.step < stage.to) break;
    }
    const { best, step, ended, last } = this.#progress;
    const reason = step < this.#totalSteps && !ended ? 'interrupted' : 'done';
    const seconds = this.#record.seconds();
    const latencyMs = reason === 'done' ? (await this.#record.report())?.latencyMs : undefined;
    const result: RunResult = {
      out: this.#host.files.name,
      reason,
      steps: step,
      last,
      best: best && bestStep(best, this.#parts.data, this.#parts.student.classes),
      seconds,
      student: { ...modelSize(this.#parts.studentConfig), ...(latencyMs !== undefined && { latencyMs }) },
      ...judgedBy(this.#parts.config, this.#parts.data),
    };
    const summary = { last, best: result.best && { ...result.best }, student: { ...result.student } };
    this.#record.emit({ type: 'runEnd', reason, seconds, summary });
    return result;
  }

  async close(): Promise<void> {
    // After an error: lanes may still look at images, and what went wrong first is what is told.
    await this.#live?.dispose().catch(() => undefined);
    await this.#batches.close();
    await this.#evaluator.close();
    await this.#lanes?.close();
  }

  async #runStage(stage: PlannedStage): Promise<void> {
    this.#record.emit({ type: 'stageStart', stage: stage.index, name: stage.name, steps: stage.to - stage.from });
    const live = await this.#enterStage(stage);
    await this.#evaluator.enterStage(live.program.vectors, stage);
    // A run that fails in its first epoch can be resumed too.
    if (this.#progress.step === 0) await this.#save('last');
    const { evalEvery, ledgerEvery } = this.#parts.settings.train;
    while (this.#progress.step < stage.to) {
      const { step } = this.#progress;
      const epochEnd = Math.min(stage.to, nextMultiple(step, this.#updatesPerEpoch * evalEvery));
      const ledgerAt = nextLedger(stage, step, ledgerEvery);
      const finished = await this.#update(live, Math.min(epochEnd, ledgerAt), epochEnd);
      this.#progress = { ...this.#progress, step: finished };
      if (finished === ledgerAt) await this.#tellLedger(live);
      if (this.#due === FINISH && finished < this.#totalSteps) this.#end(finished);
      if (finished === epochEnd || this.#progress.ended) await this.#evaluate(stage, finished);
      else if (this.#due === 0) continue;
      await this.#save('last');
      const stopped = this.#due === STOP;
      this.#due = 0;
      if (stopped || (await this.#isAborted()) || this.#progress.ended) break;
    }
    this.#inherited = await live.state.read();
    this.#live = undefined;
    await live.dispose();
  }

  /** Its state comes from the checkpoint, the stage before or the initialisers, by name. */
  async #enterStage(stage: PlannedStage): Promise<LiveStage> {
    const [host, parts, batches, record, progress] = [
      this.#host,
      this.#parts,
      this.#batches,
      this.#record,
      this.#progress,
    ];
    this.#lanes ??= openRunLanes(parts, host);
    const resuming = this.#resuming && progress.stage === stage.index && progress.step > stage.from;
    const inherited = this.#inherited ?? initialState(parts, parts.init, record.emit);
    const entry = { host, parts, stage, batches, record, lanes: this.#lanes, inherited, progress, resuming };
    this.#live = await LiveStage.open(entry);
    this.#inherited = undefined;
    this.#resuming = false;
    this.#progress = this.#live.progress;
    return this.#live;
  }

  /** Updates up to `to`, or to a pause for a checkpoint; gives the number of finished ones. */
  #update({ stage, program, state, steps, balancer }: LiveStage, to: number, epochEnd: number): Promise<number> {
    const { config, settings } = this.#parts;
    const { ranks } = this.#host;
    const { accumulate, batch, ema, seed } = settings.train;
    ranks.at = `step ${this.#progress.step + 1}`;
    return runUpdates({
      engine: this.#host.engine,
      clock: this.#host.clock,
      ...{ program, update: steps.update, accumulateStep: steps.accumulateStep },
      ...{ accumulate, state, batch, seed, to, balancer, emaDecay: ema },
      inputs: async (step, micro, lane) => steps.inputs(await this.#batches.at(step, micro), lane),
      stage: stage.index,
      from: this.#progress.step,
      totalSteps: this.#totalSteps,
      updatesPerEpoch: this.#updatesPerEpoch,
      span: stage,
      optimiserFrom: stage.optimiserFrom,
      schedule: stageSchedule(settings, config, stage, this.#updatesPerEpoch, this.#totalSteps),
      emit: this.#record.emit,
      pause: async (finished) => {
        ranks.at = `step ${finished + 1}`;
        this.#due = Math.max(this.#due, await this.#look());
        return this.#due > 0 && finished < epochEnd;
      },
    });
  }

  async #tellLedger(live: LiveStage): Promise<void> {
    const { step } = this.#progress;
    const ledger = await live.ledger(step, this.#updatesPerEpoch);
    const epoch = Math.floor(step / this.#updatesPerEpoch) + 1;
    if (ledger) this.#record.emit({ type: 'ledger', step, epoch, stage: live.stage.index, ...ledger });
  }

  /** What is due now: a checkpoint by the clock of the rank that writes, what it was asked, or an end because a rank was told to. */
  async #look(): Promise<number> {
    const { ranks } = this.#host;
    const own = this.#options.signal?.aborted ? STOP : 0;
    const asked = ranks.first ? Math.max(this.#record.saveDue() ? SAVE : 0, await this.#wished()) : 0;
    return ranks.most('whether to save', Math.max(own, asked));
  }

  async #wished(): Promise<number> {
    const { clock, wish } = this.#host;
    if (!wish || clock.elapsed() - this.#looked < LOOK_EVERY) return 0;
    this.#looked = clock.elapsed();
    const found = await wish();
    if (found) this.#record.note(`asked to ${found}`);
    return strength(found);
  }

  /** Asked to finish: what follows is the last evaluation. */
  #end(step: number): void {
    this.#progress = { ...this.#progress, ended: true };
    this.#record.note(toldAsked(step, this.#totalSteps));
  }

  /** Whether the run is to stop; a signal may come to some of the ranks. */
  #isAborted(): Promise<boolean> {
    return this.#host.ranks.some('whether to stop', this.#options.signal?.aborted ?? false);
  }

  async #evaluate(stage: PlannedStage, step: number): Promise<void> {
    const [epoch, { reportOnly }] = [Math.ceil(step / this.#updatesPerEpoch), this.#parts.data];
    const { state } = this.#live!;
    this.#host.ranks.at = `the evaluation after step ${step}`;
    const found = await this.#evaluator.evaluate(state, epoch);
    for (const { metrics, ema } of found.events)
      this.#record.emit({ type: 'evaluation', step, epoch, stage: stage.index, metrics, ...(ema ? { ema } : {}) });
    this.#progress = { ...this.#progress, last: found.named };
    const { plain, best } = found;
    const teacher = 'teacher' in best ? best.teacher : undefined;
    if (plain) await this.#host.files.replace('predictions.csv', predictionsCsv(this.#parts.data, plain, teacher));
    if (!reportOnly) this.#watchForEnd(stage, step);
    if (!reportOnly && this.#progress.best !== null && found.score <= this.#progress.best.metric) return;
    this.#progress = { ...this.#progress, best: { step, metric: found.score } };
    await this.#save('best');
    await writeBest(this.#host.files, this.#parts, state, found, { step, epoch });
  }

  /** Early stop, in the last stage: those before it are followed by more. */
  #watchForEnd(stage: PlannedStage, step: number): void {
    const stop = this.#parts.settings.train.earlyStop;
    if (stop === null || stage.to !== this.#totalSteps) return;
    const early = watch(stop, this.#progress.early, this.#progress.last);
    const ended = early.since >= stop.patience && step < this.#totalSteps;
    this.#progress = { ...this.#progress, early, ...(ended ? { ended } : {}) };
    if (ended) this.#record.note(toldEarly(stop, early, step, this.#totalSteps));
  }

  #save(kind: 'last' | 'best'): Promise<void> {
    const { state, balancer } = this.#live!;
    const { computed } = this.#host;
    const progress = { ...this.#progress, computed, ...(balancer && { balance: balancer.state }) };
    return this.#record.save(kind, progress, state);
  }
}
