import { UserError } from '../graph/errors.ts';
import type { SearchRound } from './advice.ts';
import type { Arm } from './arms.ts';
import { type CourseRunOptions, CourseRuns, Interrupted } from './courseRuns.ts';
import { type Finals, judgeFinalists } from './finals.ts';
import { planSearch } from './schedule.ts';
import { searchMethods } from './search.ts';
import type { Choosing } from './trials.ts';

export interface CourseOptions extends CourseRunOptions {
  readonly alone: Arm;
  readonly methods: readonly Arm[];
  /** Soft distillation, which comes to the end beside the method that is chosen; null where it does not apply. */
  readonly reference: Arm | null;
  /** Labels alone on the student that a method makes, where that is another. */
  readonly sameLayers: (arm: Arm) => Arm | null;
  /** Wall seconds of all of it. */
  readonly seconds: number;
  /** What judges the search. */
  readonly choosing: Choosing;
}

export interface Found extends Finals {
  readonly search: readonly SearchRound[];
  /** What went wrong on the way. */
  readonly notes: readonly string[];
}

/**
 * Searches by successive halving, then trains the finalists anew on all training images with seeds of their own and has validation
 * images judge them that the search did not see. All arms of a round have equal processor time.
 * @returns undefined where it was interrupted
 */
export async function runCourse(options: CourseOptions): Promise<Found | undefined> {
  const { alone, methods, seconds, trials, state } = options;
  const runs = new CourseRuns(options);
  try {
    await runs.measure([alone, ...methods]);
    const left = seconds - (await trials.spent());
    const costed = methods.map((arm) => runs.costed(arm));
    const plan = state.plan ?? planSearch(runs.costed(alone), costed, left, options.choosing);
    if ('needed' in plan) throw tooShort(seconds, seconds - left + plan.needed, methods.length);
    await runs.keepPlan(plan);
    const { search, chosen } = await searchMethods(runs, options, plan);
    const finals = await judgeFinalists(runs, options, chosen, plan.scale);
    return { search, ...finals, notes: runs.notes };
  } catch (error) {
    if (error instanceof Interrupted) return undefined;
    throw error;
  }
}

function tooShort(given: number, needed: number, methods: number): UserError {
  const remedy = methods > 1 ? ', try fewer methods (--methods A,B)' : '';
  return new UserError(
    `--budget: ${asTyped(given)} is too short to say anything about ${methods} method${methods === 1 ? '' : 's'} on these images; wanted at least ${asTyped(needed)}, by measured speed. Give so much${remedy}, or fewer images (--images N)`,
  );
}

/** Rounded up. */
function asTyped(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)}s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)}m` : `${Math.ceil(seconds / 360) / 10}h`;
}
