import { select } from '../../../data/dataset.ts';
import type { Platform } from '../../../host/host.ts';
import { UserError } from '../../../graph/errors.ts';
import { trainProgram } from '../../../program/trainProgram.ts';
import { runUpdates } from '../../../train/stageLoop.ts';
import { TrainState } from '../../../train/trainState.ts';
import { BatchStream } from '../course/batches.ts';
import { type RunParts, stageSpec, updatesPerEpoch } from '../stage/spec.ts';
import { trainBatches } from '../../datasets/loaders.ts';
import { epochsInTime, type RunCost } from './epochsInTime.ts';
import { openEvaluator } from '../course/openEvaluator.ts';
import type { PlannedStage } from '../../plan/stages.ts';
import { openRunLanes, openSteps } from '../stage/steps.ts';
import { openStageTeacher } from '../stage/teacher.ts';
import { storeWanted } from '../../teacher/store.ts';
import { ownView } from '../../teacher/features.ts';

/** Our choice: enough real updates to be past caches and the first compile, few enough to be short beside the run. */
const PROBE = { warmUp: 2, updates: 20, seconds: 4 } as const;

/** Our choice: the part of a budget that a run aims at; speed drifts, and the model and the report are written at the end. */
const AIM = 0.92;

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of a text such as 90s, 30m, 2h. The schema has checked its form. */
export const secondsOf = (text: string): number => Number(text.slice(0, -1)) * UNITS[text.at(-1)!]!;

export interface Budgeted {
  readonly epochs: number;
  readonly reason: string;
}

interface Measured {
  /** Of an update whose images are decoded for it, and of one whose images are in memory. */
  readonly cold: number;
  readonly warm: number;
  /** Of building and compiling the stage's step, which the run does again. */
  readonly setup: number;
}

/**
 * The epochs that fit into a time: some updates of each stage on real batches and a part of an evaluation are timed, and what
 * they changed is thrown away, but for teacher outputs that are kept: these are as good as any. The last epoch may be a part of
 * one, since in few long epochs whole ones would leave up to half of the time.
 * @param began when the run began, by the clock: what it has taken since, the probe included, counts
 * @throws UserError where not even the least number of epochs fits
 */
export async function epochsWithin(
  parts: RunParts,
  platform: Platform,
  budget: string,
  began: number,
): Promise<Budgeted> {
  const [{ stages }, { clock }] = [parts, platform];
  const own = await runCost(parts, platform);
  const { cost, gone } = await platform.ranks.onFirst('the time of an epoch', async () => ({
    cost: own,
    gone: (clock.elapsed() - began) / 1000,
  }));
  const left = AIM * secondsOf(budget) - gone;
  const epochs = epochsInTime(left, cost);
  const speed = `${cost.epoch.toPrecision(3)} s an epoch and ${cost.evaluation.toPrecision(3)} s an evaluation, measured`;
  if (epochs < stages.length)
    throw new UserError(
      `train.budget: ${budget} is too short for ${stages.length === 1 ? 'one epoch' : `${stages.length} stages of an epoch each`} (${speed}, besides ${(gone + cost.once).toPrecision(2)} s to begin). Give more time, fewer images (--images N) or a smaller model`,
    );
  return { epochs, reason: `budget ${budget}: ${speed}` };
}

/** What the run will take, from some updates of each stage and some batches of an evaluation. */
export async function runCost(parts: RunParts, platform: Platform): Promise<RunCost> {
  const { settings, stages } = parts;
  const updates = updatesPerEpoch(parts);
  const total = stages.at(-1)!.to - stages[0]!.from;
  let [epoch, once] = [0, 0];
  for (const stage of stages) {
    const { cold, warm, setup } = await timeStage(parts, platform, stage);
    const later = staysInMemory(parts) ? Math.min(cold, warm) : cold;
    epoch += ((stage.to - stage.from) / total) * updates * later;
    once += setup + (stage.index === 0 ? updates * (cold - later) : 0);
  }
  const evaluation = await timeEvaluation(parts, platform);
  return { once: once + evaluation.once, epoch, evaluation: evaluation.each, evalEvery: settings.train.evalEvery };
}

/**
 * Whether later epochs find the decoded images in memory; a third is added for what is longer than it is high. Where a teacher's
 * outputs are kept, a repeated batch finds these too, which the epochs that see other views do not: then nothing is taken as warm.
 */
function staysInMemory({ config, data }: RunParts): boolean {
  const wanted = config.data;
  if (storeWanted(config)) return false;
  const bytes = data.train.paths.length * 4 * data.facts.shorterSide ** 2;
  return wanted.cache !== 'none' && bytes <= wanted.cacheMB * 2 ** 20;
}

/** Times some updates of a stage. */
async function timeStage(parts: RunParts, platform: Platform, stage: PlannedStage): Promise<Measured> {
  const { clock } = platform;
  const began = clock.elapsed();
  const trial = await openTrial(parts, platform, stage);
  const setup = (clock.elapsed() - began) / 1000;
  try {
    const first = await trial.run(0, PROBE.warmUp, Number.POSITIVE_INFINITY);
    const timed = async (to: number) => {
      const started = clock.elapsed();
      const last = await trial.run(first, to, started + PROBE.seconds * 1000);
      return { last, seconds: (clock.elapsed() - started) / 1000 / (last - first) };
    };
    const cold = await timed(first + PROBE.updates);
    // The same batches once more, which the loader has in memory now.
    await trial.batches.restart();
    const warm = await timed(cold.last);
    return { cold: cold.seconds, warm: warm.seconds, setup };
  } finally {
    await trial.close();
  }
}

/** A stage whose updates lead nowhere. */
async function openTrial(parts: RunParts, platform: Platform, stage: PlannedStage) {
  const [{ settings, data, config }, { engine, clock }] = [parts, platform];
  const { batch, accumulate, seed, ema } = settings.train;
  const updates = updatesPerEpoch(parts);
  const teacher = await openStageTeacher(parts, stage, platform, undefined, () => undefined);
  const program = trainProgram(stageSpec(parts, stage, unitWeights(parts, stage)));
  const lanes = openRunLanes(parts, platform);
  const steps = await openSteps(parts, platform, program, teacher, lanes, () => undefined);
  const state = new TrainState(engine, program);
  state.write(new Map(), seed);
  const loading = trainBatches(
    data,
    config,
    settings,
    teacher && ownView(parts.teacher!, parts.preprocessing, config.teacher!.sees),
  );
  const batches = new BatchStream(platform.loader(loading), updates, accumulate);
  await batches.take(steps.mine);
  const run = (from: number, to: number, until: number) =>
    runUpdates({
      ...{ engine, clock, program, accumulate, state, batch, seed, from, to, updatesPerEpoch: updates },
      ...{ update: steps.update, accumulateStep: steps.accumulateStep },
      inputs: async (step, micro, lane) => steps.inputs(await batches.at(step, micro), lane),
      stage: stage.index,
      totalSteps: to,
      // So small that nothing can diverge; the time does not depend on it.
      schedule: () => 1e-12,
      emaDecay: ema,
      emit: () => undefined,
      pause: () => platform.ranks.some('the time for a probe', clock.elapsed() > until),
    });
  const close = async () => {
    await steps.dispose();
    await batches.close();
    await teacher?.source.close();
    await lanes?.close();
  };
  return { run, batches, close };
}

/** Weights that are measured at a stage's start are 1 here. */
function unitWeights(parts: RunParts, stage: PlannedStage): Record<string, number> {
  const { weights } = trainProgram(stageSpec(parts, stage, {}));
  return Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, Number.isNaN(weight) ? 1 : weight]));
}

/** Seconds of each evaluation of the student, and what the first one takes more. */
interface EvaluationTime {
  readonly each: number;
  readonly once: number;
}

/**
 * From two of all images where these are few, else from a few batches. What starting takes does not grow with the images (threads,
 * compiled graphs): of two evaluations of different length, only what the longer one takes more is so.
 */
async function timeEvaluation(parts: RunParts, platform: Platform): Promise<EvaluationTime> {
  const [all, batch] = [parts.data.val.paths.length, parts.settings.train.evalBatch];
  if (all === 0) return { each: 0, once: 0 };
  if (all <= 4 * batch) return evaluationOf(parts, platform, 0, all);
  // The first in a process takes longer than any after it: its code is new.
  await evaluationOf(parts, platform, 0, batch);
  const short = await evaluationOf(parts, platform, batch, batch);
  const affordable = await platform.ranks.onFirst('how many images tell the time of an evaluation', async () =>
    Math.floor((PROBE.seconds / 2 / (short.once + 2 * short.each)) * batch),
  );
  const count = Math.min(all - 2 * batch, Math.max(2 * batch, affordable));
  const long = await evaluationOf(parts, platform, 2 * batch, count);
  const ofAll = (key: keyof EvaluationTime) =>
    short[key] + (Math.max(0, long[key] - short[key]) * (all - batch)) / (count - batch);
  return { each: ofAll('each'), once: ofAll('once') };
}

/** Two evaluations of `count` images from `from` on. The first one decodes them and evaluates the teacher, which a run does once. */
async function evaluationOf(parts: RunParts, platform: Platform, from: number, count: number): Promise<EvaluationTime> {
  const { engine, clock } = platform;
  const val = select(
    parts.data.val,
    Array.from({ length: count }, (_, i) => from + i),
  );
  const evaluator = openEvaluator({ ...parts, data: { ...parts.data, val } }, platform, () => undefined);
  try {
    const program = trainProgram(stageSpec(parts, parts.stages[0]!, {}));
    const state = new TrainState(engine, program);
    state.write(new Map(), parts.settings.train.seed);
    await evaluator.enterStage(program.vectors, parts.stages[0]!);
    const timed = async () => {
      const began = clock.elapsed();
      await evaluator.evaluate(state, 1);
      return (clock.elapsed() - began) / 1000;
    };
    const [first, each] = [await timed(), await timed()];
    return { each, once: Math.max(0, first - each) };
  } finally {
    await evaluator.close();
  }
}
