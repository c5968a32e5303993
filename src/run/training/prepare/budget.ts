import { select } from '../../../data/dataset.ts';
import type { Platform } from '../../../host/host.ts';
import { UserError } from '../../../graph/errors.ts';
import { trainProgram } from '../../../program/trainProgram.ts';
import { runUpdates } from '../../../train/stageLoop.ts';
import { TrainState } from '../../../train/trainState.ts';
import { BatchStream } from '../course/batches.ts';
import { type RunParts, stageSpec } from '../stage/spec.ts';
import { trainBatches } from '../../datasets/loaders.ts';
import { RunEvaluator } from '../course/evaluator.ts';
import type { PlannedStage } from '../../plan/stages.ts';
import { openRunLanes, openSteps } from '../stage/steps.ts';
import { openStageTeacher } from '../stage/teacher.ts';
import { ownView } from '../../teacher/features.ts';
import { updatesIn } from '../../plan/stages.ts';

/** Our choice: enough real updates to be past caches and the first compile, few enough to be short beside the run. */
const PROBE = { warmUp: 2, updates: 20, seconds: 4 } as const;

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of a text such as 90s, 30m, 2h. The schema has checked its form. */
export const secondsOf = (text: string): number => Number(text.slice(0, -1)) * UNITS[text.at(-1)!]!;

export interface Budgeted {
  readonly epochs: number;
  readonly reason: string;
}

interface Measured {
  /** Of one update. */
  readonly seconds: number;
  /** Of building and compiling the stage's step, which the run does again. */
  readonly setup: number;
}

/**
 * The epochs that fit into a time: some updates of each stage on real batches and a part of an evaluation are timed, and what
 * they changed is thrown away, but for teacher outputs that are kept: these are as good as any.
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
  const { epochSeconds, setup } = await epochCost(parts, platform);
  const left = secondsOf(budget) - (clock.elapsed() - began) / 1000 - setup;
  const epochs = Math.floor(left / epochSeconds);
  const speed = `${epochSeconds.toPrecision(3)} s an epoch with its evaluation, measured`;
  if (epochs < stages.length)
    throw new UserError(
      `train.budget: ${budget} is too short for ${stages.length === 1 ? 'one epoch' : `${stages.length} stages of an epoch each`} (${speed}). Give more time, fewer images (--images N) or a smaller model`,
    );
  return { epochs, reason: `budget ${budget}: ${speed}` };
}

/** Seconds of an epoch with its share of evaluations, and of building all stages, from some updates of each stage. */
export async function epochCost(
  parts: RunParts,
  platform: Platform,
): Promise<{ readonly epochSeconds: number; readonly setup: number }> {
  const { settings, data, stages } = parts;
  const updates = updatesIn(data.train.paths.length, settings.train.batch, settings.train.accumulate);
  const total = stages.at(-1)!.to - stages[0]!.from;
  let [epochSeconds, setup] = [0, 0];
  for (const stage of stages) {
    const measured = await timeStage(parts, platform, stage, updates);
    epochSeconds += ((stage.to - stage.from) / total) * updates * measured.seconds;
    setup += measured.setup;
  }
  epochSeconds += (await timeEvaluation(parts, platform)) / settings.train.evalEvery;
  return { epochSeconds, setup };
}

async function timeStage(
  parts: RunParts,
  platform: Platform,
  stage: PlannedStage,
  updatesPerEpoch: number,
): Promise<Measured> {
  const [{ settings }, { engine, clock }] = [parts, platform];
  const { batch, accumulate, seed, ema } = settings.train;
  const began = clock.elapsed();
  const teacher = await openStageTeacher(parts, stage, platform, undefined, () => undefined);
  const program = trainProgram(stageSpec(parts, stage, unitWeights(parts, stage)));
  const lanes = openRunLanes(parts, engine);
  const steps = await openSteps(parts, platform, program, teacher, lanes, () => undefined);
  const setup = (clock.elapsed() - began) / 1000;
  const state = new TrainState(engine, program);
  state.write(new Map(), seed);
  const batches = new BatchStream(
    platform.loader(
      trainBatches(parts.data, parts.config, settings, teacher && ownView(parts.teacher!, parts.preprocessing)),
    ),
    updatesPerEpoch,
    accumulate,
  );
  const run = async (from: number, to: number, until: number) =>
    runUpdates({
      ...{ engine, clock, program, accumulate, state, batch, seed, from, to, updatesPerEpoch },
      ...{ update: steps.update, accumulateStep: steps.accumulateStep },
      inputs: async (step, micro, lane) => steps.inputs(await batches.at(step, micro), lane),
      stage: stage.index,
      totalSteps: to,
      // So small that nothing can diverge; the time does not depend on it.
      schedule: () => 1e-12,
      emaDecay: ema,
      emit: () => undefined,
      pause: () => clock.elapsed() > until,
    });
  try {
    const first = await run(0, PROBE.warmUp, Number.POSITIVE_INFINITY);
    const timed = clock.elapsed();
    const last = await run(first, first + PROBE.updates, timed + PROBE.seconds * 1000);
    return { seconds: (clock.elapsed() - timed) / 1000 / (last - first), setup };
  } finally {
    await steps.dispose();
    await batches.close();
    await teacher?.source.close();
    await lanes?.close();
  }
}

/** Weights that are measured at a stage's start are 1 here. */
function unitWeights(parts: RunParts, stage: PlannedStage): Record<string, number> {
  const { weights } = trainProgram(stageSpec(parts, stage, {}));
  return Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, Number.isNaN(weight) ? 1 : weight]));
}

/** Seconds of one evaluation of the student, from one of a few batches. */
async function timeEvaluation(parts: RunParts, platform: Platform): Promise<number> {
  const [{ val }, { engine, clock }] = [parts.data, platform];
  const count = Math.min(val.paths.length, 2 * parts.settings.train.evalBatch);
  if (count === 0) return 0;
  const few = select(
    val,
    Array.from({ length: count }, (_, i) => i),
  );
  const evaluator = new RunEvaluator({ ...parts, data: { ...parts.data, val: few } }, platform, () => undefined);
  try {
    const program = trainProgram(stageSpec(parts, parts.stages[0]!, {}));
    const state = new TrainState(engine, program);
    state.write(new Map(), parts.settings.train.seed);
    await evaluator.enterStage(program.vectors);
    // The first one also evaluates the teacher, which a run does once.
    await evaluator.evaluate(state, 1);
    const began = clock.elapsed();
    await evaluator.evaluate(state, 1);
    return ((clock.elapsed() - began) / 1000) * (val.paths.length / count);
  } finally {
    await evaluator.close();
  }
}
