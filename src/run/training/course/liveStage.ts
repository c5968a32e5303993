import type { OpenLanes } from '../../../engine/contract.ts';
import { placeOf } from '../../../host/files.ts';
import type { Host } from '../../../host/host.ts';
import { type TrainProgram, trainProgram } from '../../../program/trainProgram.ts';
import type { Progress } from '../../../train/progress.ts';
import type { Balancer } from '../../../train/balance/balancer.ts';
import type { BalanceState } from '../../../train/balance/rules.ts';
import { describeRises, weightsAt } from '../../../train/rise.ts';
import { LAST } from '../../../train/runFolder.ts';
import { type StateArray, TrainState, withoutSlots } from '../../../train/trainState.ts';
import { hasNewOptimiser, type PlannedStage } from '../../plan/stages.ts';
import { openBalancer, toldBalance } from '../stage/balance.ts';
import { measuredState } from '../stage/measured.ts';
import { type RunParts, stageSpec, updatesPerEpoch } from '../stage/spec.ts';
import { openSteps, type StageSteps } from '../stage/steps.ts';
import { openStageTeacher, type StageTeacher } from '../stage/teacher.ts';
import {
  type Ledger,
  ledgerOf,
  ledgerWeights,
  measureAutoWeights,
  type ProbeTask,
  probeTerms,
} from '../stage/termProbe.ts';
import type { BatchStream } from './batches.ts';
import type { RunRecord } from './record.ts';

/** What a stage is entered with. */
export interface StageEntry {
  readonly host: Host;
  readonly parts: RunParts;
  readonly stage: PlannedStage;
  readonly batches: BatchStream;
  readonly record: RunRecord;
  readonly lanes: OpenLanes | undefined;
  /** All arrays by name: of the checkpoint, of the stage before, or of the model that the student starts from. */
  readonly inherited: ReadonlyMap<string, StateArray>;
  readonly progress: Progress;
  /** It goes on in the middle: what was chosen at its start stands in `progress`. */
  readonly resuming: boolean;
}

/** A stage that is built and compiled: its step, its state, its teacher. */
export class LiveStage {
  readonly stage: PlannedStage;
  readonly program: TrainProgram;
  readonly steps: StageSteps;
  readonly state: TrainState;
  /** The progress of the run with what this stage chose. */
  readonly progress: Progress;
  readonly balancer: Balancer | undefined;
  readonly #entry: StageEntry;
  readonly #teacher: StageTeacher | undefined;

  private constructor(
    entry: StageEntry,
    teacher: StageTeacher | undefined,
    program: TrainProgram,
    steps: StageSteps,
    weights: Progress['weights'],
    balancer: Balancer | undefined,
  ) {
    const { host, parts, stage, inherited, resuming } = entry;
    this.#entry = entry;
    this.#teacher = teacher;
    this.stage = stage;
    this.program = program;
    this.balancer = balancer;
    this.steps = steps;
    this.state = new TrainState(host.engine, program);
    const kept = resuming || !hasNewOptimiser(stage) ? inherited : withoutSlots(inherited);
    if (resuming) this.state.checkWhole(inherited, placeOf(host.files, LAST));
    this.state.write(kept, parts.settings.train.seed);
    const { teacher: _, balance: __, ...progress } = entry.progress;
    this.progress = { ...progress, stage: stage.index, weights, ...(teacher && { teacher: teacher.choice }) };
  }

  static async open(given: StageEntry): Promise<LiveStage> {
    const { host, parts, stage, batches, record, progress, resuming, lanes } = given;
    const known = resuming ? progress.teacher : undefined;
    const teacher = await openStageTeacher(parts, stage, host, known, record.emit);
    try {
      const { inherited: before } = given;
      const inherited = resuming ? before : await measuredState(parts, stage, host, before, record.emit);
      const entry = { ...given, inherited };
      await batches.showTeacher(teacher !== undefined);
      const weights = resuming
        ? progress.weights
        : await measureAutoWeights(probeTask(entry, teacher, progress.step, {}), inherited, record.note);
      const spec = stageSpec(parts, stage, weights);
      const program = trainProgram(spec);
      const rises = resuming ? undefined : describeRises(program, parts.settings.train.epochs);
      if (rises !== undefined) record.note(rises);
      const steps = await openSteps(parts, host, program, teacher, lanes, record.note);
      await batches.take(steps.mine);
      const shares = resuming ? progress.balance : undefined;
      const balancer = await openBalancer(parts.config.weights, host.engine, stage, spec, program, shares);
      if (balancer && !resuming) record.note(toldBalance(parts.config.weights, program));
      return new LiveStage(entry, teacher, program, steps, weights, balancer);
    } catch (error) {
      await teacher?.source.close();
      throw error;
    }
  }

  /** What each loss term weighs in the gradient at a step; undefined where there is only one. */
  async ledger(step: number, updatesPerEpoch: number): Promise<StageLedger | undefined> {
    const { vectors, weights } = this.program;
    if (Object.keys(weights).length < 2) return undefined;
    const task = probeTask(this.#entry, this.#teacher, step, this.progress.weights);
    const probed = await probeTerms(task, vectors, this.state);
    const state = this.balancer?.state;
    const balance = state && { shares: state.shares, form: this.#entry.parts.config.weights };
    const now = weightsAt({ ...this.program, weights: ledgerWeights(weights, balance, probed) }, step, updatesPerEpoch);
    return { ...ledgerOf(now, probed), ...(state && { balance: toldState(state) }) };
  }

  async dispose(): Promise<void> {
    await this.steps.dispose();
    await this.balancer?.dispose();
    await this.#teacher?.source.close();
  }
}

/** The ledger of a stage, and where its balance stands. */
export interface StageLedger extends Ledger {
  readonly balance?: Pick<BalanceState, 'shares' | 'measured' | 'clamped' | 'degenerate'>;
}

const toldState = ({ shares, measured, clamped, degenerate }: BalanceState): NonNullable<StageLedger['balance']> => ({
  shares,
  measured,
  clamped,
  degenerate,
});

function probeTask(
  { host, parts, stage, batches }: StageEntry,
  teacher: StageTeacher | undefined,
  step: number,
  weights: Readonly<Record<string, number>>,
): ProbeTask {
  return {
    spec: stageSpec(parts, stage, weights),
    engine: host.engine,
    seed: parts.settings.train.seed,
    step,
    span: { from: stage.from, to: stage.to, updatesPerEpoch: updatesPerEpoch(parts) },
    peek: () => batches.peek(step),
    teacher: teacher?.source.feeds,
  };
}
