import { UserError } from '../graph/errors.ts';
import type { Arm } from './arms.ts';
import type { SearchRound } from './advice.ts';
import {
  type Costed,
  curveBudgets,
  epochsFor,
  finalBudget,
  onInner,
  planSearch,
  roundSizes,
  type Scale,
} from './schedule.ts';
import type { SavedPhase, SavedState } from './state.ts';
import { mean } from './statistics/gain.ts';
import { type Cost, INNER, type Made, type Trial, type Trials } from './trials.ts';

export type CourseEvent =
  | { readonly type: 'note'; readonly message: string }
  | { readonly type: 'phase'; readonly message: string }
  | { readonly type: 'trial'; readonly key: string; readonly etaSeconds: number }
  | { readonly type: 'made'; readonly key: string; readonly made: Made };

export interface CourseOptions {
  readonly alone: Arm;
  readonly methods: readonly Arm[];
  /** Soft distillation, which comes to the end beside the method that is chosen; null where it does not apply. */
  readonly reference: Arm | null;
  /** Labels alone on the student that a method makes, where that is another. */
  readonly sameLayers: (arm: Arm) => Arm | null;
  readonly seconds: number;
  readonly seed: number;
  readonly trials: Trials;
  /** What was decided before, to go on from; and where it is kept. */
  readonly state: SavedState;
  readonly keep: (state: SavedState) => Promise<void>;
  readonly tell: (event: CourseEvent) => void;
}

/** A finalist with all its runs. */
export interface Finalist {
  readonly costed: Costed;
  readonly epochs: number;
  readonly made: readonly (Made & { readonly state: 'done' })[];
  /** By seed, then image. */
  readonly scores: readonly Float64Array[];
  readonly key: string;
}

export interface Found {
  readonly search: readonly SearchRound[];
  readonly chosen: Finalist;
  readonly finalists: readonly Finalist[];
  readonly curve: readonly { readonly arm: string; readonly budget: number; readonly scores: readonly number[] }[];
  readonly finalBudget: number;
  readonly fullBudget: number;
  readonly scale: Scale;
  readonly notes: readonly string[];
}

/** Our choice: more seeds than this tell little more. */
const MOST_SEEDS = 10;

/** Seeds of the final runs, so far from those of the search that none is shared. */
const FINAL_SEEDS = 1000;

class Interrupted extends Error {}

/**
 * Searches by successive halving on the inner split, then trains the finalists anew on all training images with seeds of their own and
 * has the validation images judge them. All arms of a round have equal processor time. Whether one more seed is made is decided by
 * the clock alone, never by what was found.
 * @returns undefined where it was interrupted
 */
export async function runCourse(options: CourseOptions): Promise<Found | undefined> {
  const course = new Course(options);
  try {
    return await course.run();
  } catch (error) {
    if (error instanceof Interrupted) return undefined;
    throw error;
  }
}

class Course {
  readonly #options: CourseOptions;
  #state: SavedState;
  readonly #costs = new Map<string, Cost>();
  readonly #notes: string[] = [];
  #etaOfRest = 0;

  constructor(options: CourseOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  async run(): Promise<Found> {
    const { alone, methods, seconds, trials } = this.#options;
    await this.#measure([alone, ...methods]);
    const left = seconds - (await trials.spent());
    const plan =
      this.#state.plan ??
      planSearch(
        this.#costed(alone),
        methods.map((arm) => this.#costed(arm)),
        left,
      );
    if ('needed' in plan) throw tooShort(seconds, seconds - left + plan.needed, methods.length);
    await this.#keep({ ...this.#state, plan });
    const search: SearchRound[] = [];
    let kept = methods;
    for (const [i, budget] of plan.budgets.entries()) {
      const keeps = roundSizes(methods.length)[i + 1] ?? 1;
      const round = await this.#round(i, budget, kept, keeps, plan.scale);
      search.push(round);
      kept = kept.filter(({ name }) => round.rows.some(({ arm, kept }) => kept && arm === name));
      if (kept.length === 0) throw allFailed(round);
    }
    return { search, ...(await this.#final(kept[0]!, plan.scale)), scale: plan.scale, notes: this.#notes };
  }

  /** The processor time of each arm, once. */
  async #measure(arms: readonly Arm[]): Promise<void> {
    for (const arm of arms) {
      const known = this.#state.costs[arm.name];
      const cost = known ?? (await this.#options.trials.cost(arm));
      this.#costs.set(arm.name, cost);
      if (!known) await this.#keep({ ...this.#state, costs: { ...this.#state.costs, [arm.name]: cost } });
    }
  }

  #costed(arm: Arm): Costed {
    return { arm, cost: this.#costs.get(arm.name)! };
  }

  async #keep(state: SavedState): Promise<void> {
    this.#state = state;
    await this.#options.keep(state);
  }

  /** What a phase's runs are; as it was begun, whatever has been measured since. */
  async #phase(name: string, plan: () => Omit<SavedPhase, 'epochs'>, arms: readonly Arm[]): Promise<SavedPhase> {
    const held = this.#state.phases[name];
    if (held) return held;
    const planned = plan();
    const costed = (arm: Arm) => (name.startsWith('search') ? onInner(this.#costed(arm)) : this.#costed(arm));
    const epochs = Object.fromEntries(arms.map((arm) => [arm.name, epochsFor(costed(arm), planned.budget)]));
    const phase = { ...planned, epochs };
    await this.#keep({ ...this.#state, phases: { ...this.#state.phases, [name]: phase } });
    return phase;
  }

  async #round(index: number, budget: number, kept: readonly Arm[], keeps: number, scale: Scale): Promise<SearchRound> {
    const { alone, seed } = this.#options;
    const arms = [alone, ...kept];
    const name = `search${index + 1}`;
    const phase = await this.#phase(name, () => ({ budget, seeds: scale.searchSeeds }), arms);
    this.#options.tell({
      type: 'phase',
      message: `search, round ${index + 1}: ${arms.length} ways to train, ${phase.seeds} seed${phase.seeds === 1 ? '' : 's'} each, ${shown(phase.budget)} s of processor time a run, judged within the training images; the best ${keeps} of ${kept.length} methods stay${keeps === 1 ? 's' : ''}`,
    });
    const made = new Map<string, Made[]>(arms.map((arm) => [arm.name, []]));
    const trials = Array.from({ length: phase.seeds }, (_, s) =>
      arms.map((arm) => this.#trial(name, arm, phase, seed + s, 'inner')),
    ).flat();
    for (const [i, trial] of trials.entries()) made.get(trial.arm.name)!.push(await this.#make(trial, trials.slice(i)));
    return roundOf(phase, arms, made, keeps, alone);
  }

  #trial(phase: string, arm: Arm, { epochs }: SavedPhase, seed: number, images: Trial['images']): Trial {
    return { key: `${phase}/${arm.slug}-seed${seed}`, arm, epochs: epochs[arm.name]!, seed, images };
  }

  async #make(trial: Trial, open: readonly Trial[]): Promise<Made> {
    const { tell, trials } = this.#options;
    const etaSeconds = open.reduce((sum, one) => sum + this.#wall(one), this.#etaOfRest);
    tell({ type: 'trial', key: trial.key, etaSeconds });
    const made = await trials.make(trial);
    tell({ type: 'made', key: trial.key, made });
    if (made.state === 'interrupted') throw new Interrupted();
    this.#learn(trial, made);
    if (made.state === 'failed') this.#notes.push(`${trial.key} failed: ${made.error}`);
    return made;
  }

  #wall({ arm, epochs, images }: Trial): number {
    const { cost } = images === 'inner' ? onInner(this.#costed(arm)) : this.#costed(arm);
    return (cost.rest + epochs * cost.epoch) * cost.wall;
  }

  /** What the runs really took is a better measure than the updates before them. */
  #learn({ arm, epochs, images }: Trial, made: Made): void {
    if (made.state !== 'done' || made.epochCpu === null || made.cpuSeconds === null) return;
    const before = this.#costs.get(arm.name)!;
    const epoch = made.epochCpu / (images === 'inner' ? 1 - INNER : 1);
    // The inner split's evaluation is another one.
    const rest = images === 'inner' ? before.rest : Math.max(0, made.cpuSeconds - epochs * made.epochCpu);
    this.#costs.set(arm.name, { epoch, rest, wall: made.seconds / made.cpuSeconds });
  }

  async #final(method: Arm, scale: Scale): Promise<Omit<Found, 'search' | 'scale' | 'notes'>> {
    const { alone, reference, sameLayers, seconds, trials } = this.#options;
    const twin = sameLayers(method);
    const others = [
      alone,
      ...(reference && reference.name !== method.name ? [reference] : []),
      ...(twin ? [twin] : []),
    ];
    const arms = [method, ...others];
    await this.#measure(arms);
    const costed = arms.map((arm) => this.#costed(arm));
    const full = method.fullEpochs * costed[0]!.cost.epoch;
    const left = seconds - (await trials.spent());
    const phase = await this.#phase(
      'final',
      () => ({ budget: finalBudget(costed, full, left, scale), seeds: scale.finalSeeds, full }),
      arms,
    );
    const curve = scale.curveSeeds === 0 ? [] : await this.#curve(arms, costed, phase, scale);
    this.#options.tell({
      type: 'phase',
      message: `final: ${arms.map(({ name }) => name).join('; ')}; ${shown(phase.budget)} s of processor time a run, on all training images, judged by the validation images`,
    });
    const finalists = await this.#seeds(arms, phase);
    const points = finalists.flatMap(({ costed: { arm }, made }) => ({
      arm: arm.name,
      budget: phase.budget,
      scores: made.map(({ score }) => score),
    }));
    return {
      chosen: finalists[0]!,
      finalists,
      curve: [...curve, ...points],
      finalBudget: phase.budget,
      fullBudget: phase.full ?? full,
    };
  }

  /** The finalists' shorter runs. */
  async #curve(arms: readonly Arm[], costed: readonly Costed[], final: SavedPhase, scale: Scale) {
    const points: { arm: string; budget: number; scores: number[] }[] = [];
    for (const [i, budget] of curveBudgets(costed, final.budget).entries()) {
      const phase = await this.#phase(`curve${i + 1}`, () => ({ budget, seeds: scale.curveSeeds }), arms);
      this.#options.tell({ type: 'phase', message: `curve: the same at ${shown(phase.budget)} s` });
      for (const arm of arms) {
        const scores: number[] = [];
        for (let s = 0; s < phase.seeds; s++) {
          const trial = this.#trial(`curve${i + 1}`, arm, phase, this.#options.seed + FINAL_SEEDS + s, 'whole');
          const made = await this.#make(trial, [trial]);
          if (made.state === 'done') scores.push(made.score);
        }
        points.push({ arm: arm.name, budget: phase.budget, scores });
      }
    }
    return points;
  }

  /** One seed of all finalists after the other, as long as there is time. */
  async #seeds(arms: readonly Arm[], phase: SavedPhase): Promise<Finalist[]> {
    const { seconds, trials, seed } = this.#options;
    const found = arms.map((arm) => ({ arm, made: [] as Finalist['made'][number][], scores: [] as Float64Array[] }));
    for (let s = 0; s < MOST_SEEDS; s++) {
      const round = arms.map((arm) => this.#trial('final', arm, phase, seed + FINAL_SEEDS + s, 'whole'));
      const needs = round.reduce((sum, trial) => sum + this.#wall(trial), 0);
      const begun = s < (phase.begun ?? 0);
      if (!begun && s > 0 && (await trials.spent()) + needs > seconds) break;
      if (!begun) {
        phase = { ...phase, begun: s + 1 };
        await this.#keep({ ...this.#state, phases: { ...this.#state.phases, final: phase } });
      }
      this.#etaOfRest = Math.max(0, phase.seeds - s - 1) * needs;
      for (const [i, trial] of round.entries()) {
        const made = await this.#make(trial, round.slice(i));
        if (made.state !== 'done') continue;
        found[i]!.made.push(made);
        found[i]!.scores.push(await trials.scores(trial));
      }
    }
    const failed = found.find(({ made }) => made.length === 0);
    if (failed)
      throw new UserError(`advise: every final run of ${failed.arm.name} failed:\n  ${this.#notes.join('\n  ')}`);
    return found.map(({ arm, made, scores }) => ({
      costed: this.#costed(arm),
      epochs: phase.epochs[arm.name]!,
      made,
      scores,
      key: `final/${arm.slug}-seed${seed + FINAL_SEEDS}`,
    }));
  }
}

function roundOf(
  phase: SavedPhase,
  arms: readonly Arm[],
  made: ReadonlyMap<string, readonly Made[]>,
  keeps: number,
  alone: Arm,
): SearchRound {
  const rows = arms.map(({ name }) => {
    const runs = made.get(name)!;
    const scores = runs.flatMap((run) => (run.state === 'done' ? [run.score] : []));
    // An arm of which a run failed would be compared by fewer seeds than the others.
    const failed = runs.find((run) => run.state === 'failed');
    const mid = failed || scores.length === 0 ? null : mean(scores);
    return { arm: name, epochs: phase.epochs[name]!, scores, mean: mid, ...(failed ? { error: failed.error } : {}) };
  });
  const ranked = rows
    .filter((row) => row.arm !== alone.name && row.mean !== null)
    .sort((a, b) => b.mean! - a.mean!)
    .slice(0, keeps)
    .map((row) => row.arm);
  return {
    budget: phase.budget,
    rows: rows.map((row) => ({ ...row, kept: row.arm === alone.name || ranked.includes(row.arm) })),
  };
}

const shown = (seconds: number): string => Number(seconds.toPrecision(3)).toString();

function tooShort(given: number, needed: number, methods: number): UserError {
  const remedy = methods > 1 ? ', try fewer methods (--methods kd,dearkd)' : '';
  return new UserError(
    `--budget: ${minutes(given)} is too short to say anything about ${methods} method${methods === 1 ? '' : 's'} on these images; wanted at least ${minutes(needed)}, by measured speed. Give so much${remedy}, or fewer images (--images N)`,
  );
}

/** Rounded up, as one types it. */
const minutes = (seconds: number): string =>
  seconds < 90
    ? `${Math.ceil(seconds)}s`
    : seconds < 5400
      ? `${Math.ceil(seconds / 60)}m`
      : `${Math.ceil(seconds / 360) / 10}h`;

const allFailed = ({ rows }: SearchRound): UserError =>
  new UserError(
    `advise: every method failed:\n  ${rows.map(({ arm, error }) => `${arm}: ${error ?? 'none'}`).join('\n  ')}`,
  );
