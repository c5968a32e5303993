import type { Arm } from './arms.ts';
import { type Costed, costedOn, epochsFor, type SearchPlan, wallOf } from './schedule.ts';
import type { SavedPhase, SavedState } from './state.ts';
import { type Cost, type Images, type Made, type Trial, type Trials, trainedShare } from './trials.ts';

export type CourseEvent =
  /** What the next runs are for. */
  | { readonly type: 'phase'; readonly message: string }
  /** A run begins or goes on; `etaSeconds` is of the runs of its phase that are left, `spentSeconds` of all before it. */
  | { readonly type: 'trial'; readonly key: string; readonly etaSeconds: number; readonly spentSeconds: number }
  | { readonly type: 'made'; readonly key: string; readonly made: Made };

export interface CourseRunOptions {
  /** First seed of the search. */
  readonly seed: number;
  readonly trials: Trials;
  /** What was decided before, to go on from; and where it is kept. */
  readonly state: SavedState;
  readonly keep: (state: SavedState) => Promise<void>;
  readonly tell: (event: CourseEvent) => void;
}

export class Interrupted extends Error {}

/** Makes the runs of an advice phase by phase, and knows what each arm costs. */
export class CourseRuns {
  readonly notes: string[] = [];
  readonly #options: CourseRunOptions;
  readonly #costs = new Map<string, Cost>();
  /** Arms of which there was a run. */
  readonly #measured = new Set<string>();
  #state: SavedState;

  constructor(options: CourseRunOptions) {
    this.#options = options;
    this.#state = options.state;
  }

  /** The processor time of each arm by some updates, once. */
  async measure(arms: readonly Arm[]): Promise<void> {
    for (const arm of arms) {
      if (this.#costs.has(arm.name)) continue;
      const known = this.#state.costs[arm.name];
      const cost = known ?? (await this.#options.trials.cost(arm));
      this.#costs.set(arm.name, cost);
      if (!known) await this.#keep({ ...this.#state, costs: { ...this.#state.costs, [arm.name]: cost } });
    }
  }

  costed(arm: Arm): Costed {
    return { arm, cost: this.#costs.get(arm.name)! };
  }

  keepPlan(plan: SearchPlan): Promise<void> {
    return this.#keep({ ...this.#state, plan });
  }

  /** What a phase's runs are: as it was begun, whatever has been measured since. */
  async phase(
    name: string,
    images: Images,
    arms: readonly Arm[],
    planned: Omit<SavedPhase, 'epochs'>,
  ): Promise<SavedPhase> {
    const held = this.#state.phases[name];
    if (held) return held;
    const epochs = Object.fromEntries(
      arms.map((arm) => [arm.name, epochsFor(costedOn(images, this.costed(arm)), planned.budget)]),
    );
    return this.keepPhase(name, { ...planned, epochs });
  }

  async keepPhase(name: string, phase: SavedPhase): Promise<SavedPhase> {
    await this.#keep({ ...this.#state, phases: { ...this.#state.phases, [name]: phase } });
    return phase;
  }

  tellPhase(message: string): void {
    this.#options.tell({ type: 'phase', message });
  }

  /**
   * Makes a run; `open` are those that are left, itself included, and `rest` wall seconds of what comes after them.
   * @throws Interrupted
   */
  async make(trial: Trial, open: readonly Trial[], rest = 0): Promise<Made> {
    const { tell, trials } = this.#options;
    tell({ type: 'trial', key: trial.key, etaSeconds: rest + this.wall(open), spentSeconds: await trials.spent() });
    const made = await trials.make(trial);
    tell({ type: 'made', key: trial.key, made });
    if (made.state === 'interrupted') throw new Interrupted();
    if (made.state === 'failed') this.notes.push(`${trial.key} failed: ${made.error}`);
    this.#learn(trial, made);
    return made;
  }

  /** Wall seconds of runs. */
  wall(trials: readonly Trial[]): number {
    return trials.reduce((sum, { arm, epochs, images }) => {
      const costed = costedOn(images, this.costed(arm));
      return sum + wallOf(costed, epochs * costed.cost.epoch);
    }, 0);
  }

  /**
   * What the runs really took is a better measure than the updates before them. Our choice: the least that an arm's runs took, since
   * what else goes on on the machine only adds to it.
   */
  #learn({ arm, epochs, images }: Trial, made: Made): void {
    if (made.state !== 'done' || made.epochCpu === null || made.cpuSeconds === null) return;
    const [before, measured] = [this.#costs.get(arm.name)!, this.#measured.has(arm.name)];
    const now = made.epochCpu / trainedShare(images);
    const epoch = measured ? Math.min(before.epoch, now) : now;
    // The inner split's evaluation is another one.
    const rest = images === 'inner' ? before.rest : Math.max(0, made.cpuSeconds - epochs * made.epochCpu);
    const expected = rest + epochs * epoch * trainedShare(images);
    this.#costs.set(arm.name, { epoch, rest, wall: made.seconds / expected });
    this.#measured.add(arm.name);
  }

  async #keep(state: SavedState): Promise<void> {
    this.#state = state;
    await this.#options.keep(state);
  }
}

/** A run of a phase. */
export const trialOf = (phase: string, { epochs }: SavedPhase, arm: Arm, seed: number, images: Images): Trial => ({
  key: `${phase}/${arm.slug}-seed${seed}`,
  arm,
  epochs: epochs[arm.name]!,
  seed,
  images,
});

/** Three digits. */
export const shortly = (seconds: number): string => Number(seconds.toPrecision(3)).toString();
