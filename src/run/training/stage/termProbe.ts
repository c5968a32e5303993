import type { Compiled, Engine, EngineTensor } from '../../../engine/contract.ts';
import { drawNoise } from '../../../nn/noise.ts';
import { dotName, type ProbeProgram, probeProgram } from '../../../program/probeProgram.ts';
import { type BalanceForm, weightsFromShares } from '../../../program/balanced.ts';
import type { Vector } from '../../../program/state.ts';
import { type TrainSpec, trainProgram } from '../../../program/trainProgram.ts';
import { stream } from '../../../random/stream.ts';
import { targetRows } from '../../../train/batch.ts';
import type { TeacherFeeds, TrainBatch } from '../../../train/batch.ts';
import { scheduledAt, type StageSpan } from '../../../train/scheduled.ts';
import { type StateArray, TrainState } from '../../../train/trainState.ts';

/** A loss term by itself, unweighted. */
export interface ProbedTerm {
  readonly value: number;
  /** Length of its gradient over the student's parameters. */
  readonly norm: number;
}

/** All terms, and the cosine between the gradients of each two: 0 where one of them is 0. */
export interface Probed {
  readonly terms: ReadonlyMap<string, ProbedTerm>;
  readonly cosines: readonly { readonly of: readonly [string, string]; readonly cosine: number }[];
}

/** Measures each loss term and its gradient at a state, on one batch; it changes nothing. */
export class TermProbe {
  readonly #spec: TrainSpec;
  readonly #engine: Engine;
  readonly #program: ProbeProgram;
  readonly #compiled: Compiled;

  private constructor(spec: TrainSpec, engine: Engine, program: ProbeProgram, compiled: Compiled) {
    this.#spec = spec;
    this.#engine = engine;
    this.#program = program;
    this.#compiled = compiled;
  }

  static async open(spec: TrainSpec, vectors: readonly Vector[], engine: Engine): Promise<TermProbe> {
    const program = probeProgram(spec, vectors);
    return new TermProbe(spec, engine, program, await engine.compile(program.program));
  }

  /** `given` are the state's `param.*` ports and the teacher's; the masks depend on `seed` and `step` alone. */
  async measure(
    given: Readonly<Record<string, EngineTensor>>,
    shown: TrainBatch,
    seed: number,
    step: number,
    span: StageSpan,
  ): Promise<Probed> {
    const { program, noises, schedules, terms } = this.#program;
    const { batch, pixels, student } = this.#spec;
    const engine = this.#engine;
    const feeds: Record<string, EngineTensor> = {
      ...given,
      'batch.pixels': engine.tensor('float32', [batch, ...pixels], shown.images),
      'batch.targets': engine.tensor('float32', [batch, student.classes], targetRows(shown, student.classes)),
    };
    for (const [name, value] of Object.entries(scheduledAt(schedules, span, step)))
      feeds[`scalar.${name}`] = engine.tensor('float32', [], Float32Array.of(value));
    for (const noise of noises)
      feeds[`noise.${noise.name}`] = engine.tensor(
        'uint8',
        noise.shape,
        drawNoise(noise, stream(seed, 'probe', step, noise.name)),
      );
    const used = Object.fromEntries(Object.entries(feeds).filter(([name]) => program.inputs.has(name)));
    const into = Object.fromEntries([...program.outputs.keys()].map((name) => [name, engine.empty('float32', [])]));
    await this.#compiled.run(used, into);
    const read = async (name: string) => ((await into[name]!.read()) as Float32Array)[0]!;
    const found = new Map<string, ProbedTerm>();
    for (const name of terms) found.set(name, { value: await read(`term.${name}`), norm: await read(`norm.${name}`) });
    const cosines: Probed['cosines'][number][] = [];
    for (const [j, b] of terms.entries())
      for (const a of terms.slice(0, j)) {
        const lengths = found.get(a)!.norm * found.get(b)!.norm;
        cosines.push({ of: [a, b], cosine: lengths === 0 ? 0 : (await read(dotName(a, b))) / lengths });
      }
    return { terms: found, cosines };
  }

  dispose(): Promise<void> {
    return this.#compiled.dispose();
  }
}

/** What a probe of a stage needs. */
export interface ProbeTask {
  readonly spec: TrainSpec;
  readonly engine: Engine;
  readonly seed: number;
  readonly step: number;
  /** Of the stage. */
  readonly span: StageSpan;
  /** The batch at the current position, which stays the next one. */
  readonly peek: () => Promise<TrainBatch>;
  readonly teacher?: TeacherFeeds | undefined;
}

/** Measures the terms at a state, once. */
export async function probeTerms(
  { spec, engine, seed, step, span, peek, teacher }: ProbeTask,
  vectors: readonly Vector[],
  state: TrainState,
): Promise<Probed> {
  const probe = await TermProbe.open(spec, vectors, engine);
  try {
    const batch = await peek();
    return await probe.measure({ ...state.weights('param'), ...(await teacher?.(batch)) }, batch, seed, step, span);
  } finally {
    await probe.dispose();
  }
}

/** Numbers for a stage's "auto" weights, measured on its first batch at the state that it starts from; each is told. */
export async function measureAutoWeights(
  task: ProbeTask,
  inherited: ReadonlyMap<string, StateArray>,
  note: (message: string) => void,
): Promise<Record<string, number>> {
  const program = trainProgram(task.spec);
  // What is balanced needs no number: a share says what it weighs.
  if (program.balanced.length > 0 || !Object.values(program.weights).some(Number.isNaN)) return {};
  const state = new TrainState(task.engine, program);
  state.write(inherited, task.seed);
  const { terms } = await probeTerms(task, program.vectors, state);
  const weights = autoWeights(program.weights, terms);
  for (const [name, weight] of Object.entries(weights))
    note(`weight of ${name} = ${weight} ("auto": its gradient begins as long as that of the other terms together)`);
  return weights;
}

/**
 * The numbers for terms whose weight is "auto" (NaN): such that the term's gradient begins as long as that of the other terms
 * together. Our choice of rule. A gradient of length 0 gives weight 1.
 */
export function autoWeights(
  weights: Readonly<Record<string, number>>,
  probed: ReadonlyMap<string, ProbedTerm>,
): Record<string, number> {
  const fixed = Object.entries(weights).filter(([, weight]) => !Number.isNaN(weight));
  const rest = Math.sqrt(fixed.reduce((sum, [name, weight]) => sum + (weight * probed.get(name)!.norm) ** 2, 0));
  const open = Object.keys(weights).filter((name) => Number.isNaN(weights[name]!));
  return Object.fromEntries(
    open.map((name) => {
      const { norm } = probed.get(name)!;
      return [name, norm > 0 ? Number(((rest === 0 ? 1 : rest) / norm).toPrecision(4)) : 1];
    }),
  );
}

export interface LedgerTerm extends ProbedTerm {
  readonly weight: number;
  /** Of the summed lengths of all weighted gradients, 0 to 1. */
  readonly share: number;
}

/** How the gradients of two terms lie to each other. */
export interface LedgerPair {
  readonly terms: readonly [string, string];
  /** -1 to 1; below 0 a step for one is a step against the other. */
  readonly cosine: number;
  /** Length of the first one's weighted gradient over that of the second; null where that is 0. */
  readonly ratio: number | null;
}

export interface Ledger {
  readonly terms: Record<string, LedgerTerm>;
  readonly pairs: readonly LedgerPair[];
}

/** Each term's value, weight and share of the gradient; of each two how they conflict and which one dominates. */
export function ledgerOf(weights: Readonly<Record<string, number>>, { terms, cosines }: Probed): Ledger {
  const length = (name: string): number => Math.abs(weights[name]!) * terms.get(name)!.norm;
  const total = [...terms.keys()].reduce((sum, name) => sum + length(name), 0);
  const rows = [...terms].map(([name, term]) => {
    const share = total === 0 ? 0 : length(name) / total;
    return [name, { ...term, weight: weights[name]!, share }] as const;
  });
  const pairs = cosines.map(({ of: [a, b], cosine }) => ({
    terms: [a, b] as const,
    cosine,
    ratio: length(b) === 0 ? null : length(a) / length(b),
  }));
  return { terms: Object.fromEntries(rows), pairs };
}

/** Weights as they are, but those of balanced terms as they follow from the shares and the losses. */
export function ledgerWeights(
  weights: Readonly<Record<string, number>>,
  balance: { readonly shares: Readonly<Record<string, number>>; readonly form: BalanceForm } | undefined,
  { terms }: Probed,
): Record<string, number> {
  if (!balance) return { ...weights };
  const losses = Object.fromEntries([...terms].map(([name, { value }]) => [name, value]));
  return { ...weights, ...weightsFromShares(balance.shares, losses, balance.form) };
}
