import { UserError } from '../graph/errors.ts';
import type { SearchRound } from './advice.ts';
import type { Arm } from './arms.ts';
import { type CourseRuns, shortly, trialOf } from './courseRuns.ts';
import { roundSizes, type SearchPlan } from './schedule.ts';
import type { SavedPhase } from './state.ts';
import { mean } from './statistics/gain.ts';
import type { Choosing, Made } from './trials.ts';

interface Searched {
  readonly alone: Arm;
  readonly methods: readonly Arm[];
  readonly seed: number;
}

const JUDGED: Readonly<Record<Choosing, string>> = {
  inner: 'judged within the training images',
  choosing: 'on all training images, judged by half of the validation images',
};

/** Successive halving over the methods; training alone goes along and is never dropped. */
export async function searchMethods(
  runs: CourseRuns,
  { alone, methods, seed }: Searched,
  { budgets, scale, images = 'inner' }: SearchPlan,
): Promise<{ search: SearchRound[]; chosen: Arm }> {
  const search: SearchRound[] = [];
  let left = methods;
  for (const [i, budget] of budgets.entries()) {
    const [name, keeps] = [`search${i + 1}`, roundSizes(methods.length)[i + 1] ?? 1];
    const arms = [alone, ...left];
    const phase = await runs.phase(name, images, arms, { budget, seeds: scale.searchSeeds });
    runs.tellPhase(
      `search, round ${i + 1}: ${arms.map((arm) => arm.name).join(', ')}; ${shortly(phase.budget)} s of processor time a run, ${JUDGED[images]}; ${keeps} of ${left.length} methods ${keeps === 1 ? 'is' : 'are'} kept`,
    );
    const round = await makeRound(runs, { name, phase, arms, keeps, seed, images });
    search.push(round);
    left = left.filter((arm) => round.rows.some((row) => row.kept && row.arm === arm.name));
    if (left.length === 0) throw allFailed(round);
  }
  return { search, chosen: left[0]! };
}

interface Round {
  readonly name: string;
  readonly phase: SavedPhase;
  readonly arms: readonly Arm[];
  /** So many methods. */
  readonly keeps: number;
  readonly seed: number;
  readonly images: Choosing;
}

async function makeRound(runs: CourseRuns, { name, phase, arms, keeps, seed, images }: Round): Promise<SearchRound> {
  const trials = Array.from({ length: phase.seeds }, (_, s) =>
    arms.map((arm) => trialOf(name, phase, arm, seed + s, images)),
  ).flat();
  const made = new Map<string, Made[]>(arms.map((arm) => [arm.name, []]));
  for (const [i, trial] of trials.entries()) made.get(trial.arm.name)!.push(await runs.make(trial, trials.slice(i)));
  const rows = arms.map((arm) => ({
    arm: arm.name,
    epochs: phase.epochs[arm.name]!,
    ...scoresOf(made.get(arm.name)!),
  }));
  const best = rows
    .slice(1)
    .filter((row) => row.mean !== null)
    .sort((a, b) => b.mean! - a.mean!)
    .slice(0, keeps);
  return { budget: phase.budget, rows: rows.map((row, i) => ({ ...row, kept: i === 0 || best.includes(row) })) };
}

/** An arm of which a run failed would be compared by fewer seeds than the others: it has no mean. */
function scoresOf(made: readonly Made[]): Pick<SearchRound['rows'][number], 'scores' | 'mean' | 'error'> {
  const scores = made.flatMap((run) => (run.state === 'done' ? [run.score] : []));
  const failed = made.find((run) => run.state === 'failed');
  return failed ? { scores, mean: null, error: failed.error } : { scores, mean: mean(scores) };
}

const allFailed = ({ rows }: SearchRound): UserError =>
  new UserError(
    `advise: every method failed:\n  ${rows.map(({ arm, error }) => `${arm}: ${error ?? 'done'}`).join('\n  ')}`,
  );
