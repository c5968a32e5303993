import { UserError } from '../graph/errors.ts';
import type { Advice } from './advice.ts';
import type { Arm } from './arms.ts';
import { type CourseRuns, shortly, trialOf } from './courseRuns.ts';
import { type Costed, curveBudgets, planFinal, type Scale } from './schedule.ts';
import type { SavedPhase } from './state.ts';
import type { Made, Trials } from './trials.ts';

/** A finalist with all its runs. */
export interface Finalist {
  readonly costed: Costed;
  readonly epochs: number;
  readonly made: readonly Extract<Made, { state: 'done' }>[];
  /** By seed, then image. */
  readonly scores: readonly Float64Array[];
  /** Of its first run. */
  readonly key: string;
}

export interface Finals {
  readonly chosen: Finalist;
  /** The chosen method first. */
  readonly finalists: readonly Finalist[];
  readonly curve: Advice['curve'];
  /** Processor seconds of a final run's training, and of one of full length. */
  readonly finalBudget: number;
  readonly fullBudget: number;
}

interface Judging {
  readonly alone: Arm;
  readonly reference: Arm | null;
  readonly sameLayers: (arm: Arm) => Arm | null;
  readonly seconds: number;
  readonly seed: number;
  readonly trials: Trials;
}

/** Our choice: more seeds than this tell little more. */
const MOST_SEEDS = 30;

/** Fewer give no interval: they are made however long they take. */
const LEAST_SEEDS = 2;

/** Seeds of the final runs, so far from those of the search that none is shared. */
const FINAL_SEEDS = 1000;

/** Trains the chosen method and what it is compared with on all training images, and has the validation images judge them. */
export async function judgeFinalists(runs: CourseRuns, judging: Judging, method: Arm, meant: Scale): Promise<Finals> {
  const { alone, reference, sameLayers, seconds, trials } = judging;
  const twin = sameLayers(method);
  const soft = reference && reference.name !== method.name ? [reference] : [];
  const arms = [method, alone, ...soft, ...(twin ? [twin] : [])];
  await runs.measure(arms);
  const costed = arms.map((arm) => runs.costed(arm));
  const full = method.fullEpochs * costed[0]!.cost.epoch;
  const { scale, budget } = planFinal(costed, full, seconds - (await trials.spent()), meant);
  const planned = { budget, seeds: scale.finalSeeds, full, curveSeeds: scale.curveSeeds };
  const phase = await runs.phase('final', 'whole', arms, planned);
  const curve = await makeCurve(runs, judging, arms, phase);
  runs.tellPhase(
    `final: ${arms.map(({ name }) => name).join('; ')}; ${shortly(phase.budget)} s of processor time a run, on all training images, judged by the validation images`,
  );
  const finalists = await makeFinals(runs, judging, arms, phase);
  const points = finalists.map(({ costed: { arm }, made }) => ({
    arm: arm.name,
    budget: phase.budget,
    scores: made.map(({ score }) => score),
  }));
  const found = { finalists, curve: [...curve, ...points], finalBudget: phase.budget, fullBudget: phase.full ?? full };
  return { chosen: finalists[0]!, ...found };
}

/** The finalists' shorter runs. */
async function makeCurve(
  runs: CourseRuns,
  { seed }: Judging,
  arms: readonly Arm[],
  final: SavedPhase,
): Promise<Advice['curve'][number][]> {
  const seeds = final.curveSeeds ?? 0;
  if (seeds === 0) return [];
  const points: { arm: string; budget: number; scores: number[] }[] = [];
  const costed = arms.map((arm) => runs.costed(arm));
  for (const [i, short] of curveBudgets(costed, final.budget).entries()) {
    const name = `curve${i + 1}`;
    const phase = await runs.phase(name, 'whole', arms, { budget: short, seeds });
    runs.tellPhase(`curve: the finalists at ${shortly(phase.budget)} s of processor time a run`);
    const trials = arms.flatMap((arm) =>
      Array.from({ length: phase.seeds }, (_, s) => trialOf(name, phase, arm, seed + FINAL_SEEDS + s, 'whole')),
    );
    const scores = new Map<string, number[]>(arms.map((arm) => [arm.name, []]));
    for (const [at, trial] of trials.entries()) {
      const made = await runs.make(trial, trials.slice(at));
      if (made.state === 'done') scores.get(trial.arm.name)!.push(made.score);
    }
    for (const arm of arms) points.push({ arm: arm.name, budget: phase.budget, scores: scores.get(arm.name)! });
  }
  return points;
}

/**
 * One seed of all finalists after the other, as long as there is time. Whether one more is made is decided by the clock alone, never by
 * what was found: else the intervals would not hold.
 */
async function makeFinals(
  runs: CourseRuns,
  { seconds, trials, seed }: Judging,
  arms: readonly Arm[],
  final: SavedPhase,
): Promise<Finalist[]> {
  const found = arms.map((arm) => ({ arm, made: [] as Finalist['made'][number][], scores: [] as Float64Array[] }));
  let phase = final;
  for (let s = 0; s < MOST_SEEDS; s++) {
    const round = arms.map((arm) => trialOf('final', phase, arm, seed + FINAL_SEEDS + s, 'whole'));
    const needs = runs.wall(round);
    if (s >= (phase.begun ?? 0)) {
      if (s >= LEAST_SEEDS && (await trials.spent()) + needs > seconds) break;
      phase = await runs.keepPhase('final', { ...phase, begun: s + 1 });
    }
    for (const [i, trial] of round.entries()) {
      const made = await runs.make(trial, round.slice(i), Math.max(0, phase.seeds - s - 1) * needs);
      if (made.state !== 'done') continue;
      found[i]!.made.push(made);
      found[i]!.scores.push(await trials.scores(trial));
    }
  }
  const failed = found.find(({ made }) => made.length === 0);
  if (failed)
    throw new UserError(`advise: every final run of ${failed.arm.name} failed:\n  ${runs.notes.join('\n  ')}`);
  return found.map(({ arm, ...rest }) => ({
    ...rest,
    costed: runs.costed(arm),
    epochs: phase.epochs[arm.name]!,
    key: `final/${arm.slug}-seed${seed + FINAL_SEEDS}`,
  }));
}
