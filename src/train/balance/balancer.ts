import type { Compiled, Engine, EngineTensor } from '../../engine/contract.ts';
import { type ComparedBy, gradientProgram } from '../../program/gradientProgram.ts';
import type { Program } from '../../program/program.ts';
import type { TrainProgram, TrainSpec } from '../../program/trainProgram.ts';
import type { Gram } from './minNorm.ts';
import { afterGradients, afterStep, type BalanceRule, type BalanceState, beginBalance } from './rules.ts';

export interface BalanceSettings extends BalanceRule {
  /** Updates from one measurement to the next. */
  readonly every: number;
  readonly params: ComparedBy;
}

/** A stage whose terms are balanced. */
export interface Balanced {
  readonly settings: BalanceSettings;
  readonly engine: Engine;
  readonly spec: TrainSpec;
  readonly program: TrainProgram;
  /** Its first update, from which measurements are counted. */
  readonly from: number;
}

type Feeds = Readonly<Record<string, EngineTensor>>;

/** Of an update's micro-batches: sums of losses and gradients, or of inner products of what each image has of its own. */
interface Sums {
  readonly losses: Record<string, number>;
  gradients: Float32Array[];
  gram: number[][];
}

/**
 * Finds the shares of balanced terms while a stage runs. What an update measures holds from the next one on, so that nothing waits
 * for it and gradients of all micro-batches are summed before they are compared.
 */
export class Balancer {
  readonly #settings: BalanceSettings;
  readonly #from: number;
  readonly #engine: Engine;
  readonly #program: Program;
  readonly #compiled: Compiled;
  readonly #micros: number;
  #state: BalanceState;
  #sums: Sums | undefined;

  private constructor(
    { settings, engine, spec, from }: Balanced,
    program: Program,
    compiled: Compiled,
    state: BalanceState,
  ) {
    this.#settings = settings;
    this.#from = from;
    this.#engine = engine;
    this.#program = program;
    this.#compiled = compiled;
    this.#micros = spec.accumulate;
    this.#state = state;
  }

  /** @param before its state at a checkpoint, where it goes on */
  static async open(stage: Balanced, before: BalanceState | undefined): Promise<Balancer> {
    const { settings, engine, spec, program: step } = stage;
    const { vectors, balanced, weights } = step;
    const by = settings.rule === 'closed' ? settings.params : 'losses';
    const program = gradientProgram(spec, vectors, balanced, by);
    const own = Object.fromEntries(balanced.map((name) => [name, weights[name]!]));
    const state = before ?? beginBalance(own, settings);
    return new Balancer(stage, program, await engine.compile(program), state);
  }

  get state(): BalanceState {
    return this.#state;
  }

  /** Told each micro-batch of an update, with all that its step was fed, before the update is taken. */
  async micro(update: number, feeds: Feeds): Promise<void> {
    if (this.#settings.rule !== 'closed' || !this.#isDue(update)) return;
    this.#sums ??= { losses: {}, gradients: [], gram: [] };
    const found = await this.#run(feeds);
    const names = Object.keys(this.#state.shares);
    for (const name of names) this.#sums.losses[name] = (this.#sums.losses[name] ?? 0) + found.get(`term.${name}`)![0]!;
    const gradients = names.map((name) => found.get(`grad.${name}`)!);
    if (this.#settings.params === 'features') this.#sums.gram = sumOf(this.#sums.gram, gramOf(gradients));
    else if (this.#sums.gradients.length === 0) this.#sums.gradients = gradients.map((g) => g.slice());
    else gradients.forEach((g, k) => void addTo(this.#sums!.gradients[k]!, g));
  }

  /** Told the last micro-batch's feeds with the state after the update, and its losses before it. */
  async updated(update: number, feeds: Feeds, losses: Readonly<Record<string, number>>): Promise<void> {
    if (!this.#isDue(update)) return;
    const names = Object.keys(this.#state.shares);
    if (this.#settings.rule === 'closed') {
      const { losses: sums, gradients, gram } = this.#sums!;
      this.#sums = undefined;
      const products = this.#settings.params === 'features' ? gram : gramOf(gradients);
      const mean = Object.fromEntries(names.map((name) => [name, sums[name]! / this.#micros]));
      const scaled = products.map((row) => row.map((x) => x / this.#micros ** 2));
      this.#state = afterGradients(this.#state, scaled, mean, this.#settings);
      return;
    }
    const found = await this.#run(feeds);
    const after = Object.fromEntries(names.map((name) => [name, found.get(`term.${name}`)![0]!]));
    const before = Object.fromEntries(names.map((name) => [name, losses[name]!]));
    this.#state = afterStep(this.#state, before, after, this.#settings);
  }

  #isDue(update: number): boolean {
    return (update - this.#from) % this.#settings.every === 0;
  }

  async #run(feeds: Feeds): Promise<Map<string, Float32Array>> {
    const { inputs, outputs } = this.#program;
    const used = Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name)));
    const into = Object.fromEntries(
      [...outputs].map(([name, { dtype, shape }]) => [name, this.#engine.empty(dtype, shape)]),
    );
    await this.#compiled.run(used, into);
    const read = new Map<string, Float32Array>();
    for (const [name, tensor] of Object.entries(into)) read.set(name, (await tensor.read()) as Float32Array);
    return read;
  }

  dispose(): Promise<void> {
    return this.#compiled.dispose();
  }
}

/** Inner products, summed in float64. */
export const gramOf = (vectors: readonly Float32Array[]): number[][] => {
  const gram = vectors.map(() => vectors.map(() => 0));
  vectors.forEach((a, i) => {
    for (let j = 0; j <= i; j++) gram[i]![j] = gram[j]![i] = innerProduct(a, vectors[j]!);
  });
  return gram;
};

function innerProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

const sumOf = (sum: readonly (readonly number[])[], more: Gram): number[][] =>
  more.map((row, i) => row.map((x, j) => x + (sum[i]?.[j] ?? 0)));

function addTo(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
}
