import type { Compiled, Engine, EngineTensor } from '../../../engine/contract.ts';
import { drawNoise } from '../../../nn/noise.ts';
import { type ProbeProgram, probeProgram } from '../../../program/probeProgram.ts';
import type { Vector } from '../../../program/state.ts';
import { type TrainSpec, trainProgram } from '../../../program/trainProgram.ts';
import { stream } from '../../../random/stream.ts';
import { targetRows } from '../../../train/batch.ts';
import type { TeacherFeeds, TrainBatch } from '../../../train/batch.ts';
import { type StateArray, TrainState } from '../../../train/trainState.ts';

/** A loss term by itself, unweighted. */
export interface ProbedTerm {
  readonly value: number;
  /** Length of its gradient over the student's parameters. */
  readonly norm: number;
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
  ): Promise<Map<string, ProbedTerm>> {
    const { program, noises, terms } = this.#program;
    const { batch, pixels, student } = this.#spec;
    const engine = this.#engine;
    const feeds: Record<string, EngineTensor> = {
      ...given,
      'batch.pixels': engine.tensor('float32', [batch, ...pixels], shown.images),
      'batch.targets': engine.tensor('float32', [batch, student.classes], targetRows(shown, student.classes)),
    };
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
    return found;
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
  /** The batch at the current position, which stays the next one. */
  readonly peek: () => Promise<TrainBatch>;
  readonly teacher?: TeacherFeeds | undefined;
}

/** Measures the terms at a state, once. */
export async function probeTerms(
  { spec, engine, seed, step, peek, teacher }: ProbeTask,
  vectors: readonly Vector[],
  state: TrainState,
): Promise<Map<string, ProbedTerm>> {
  const probe = await TermProbe.open(spec, vectors, engine);
  try {
    const batch = await peek();
    return await probe.measure({ ...state.weights('param'), ...(await teacher?.(batch)) }, batch, seed, step);
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
  if (!Object.values(program.weights).some(Number.isNaN)) return {};
  const state = new TrainState(task.engine, program);
  state.write(inherited, task.seed);
  const weights = autoWeights(program.weights, await probeTerms(task, program.vectors, state));
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

/** Each term's value, weight and share of the gradient. */
export function ledgerOf(
  weights: Readonly<Record<string, number>>,
  probed: ReadonlyMap<string, ProbedTerm>,
): Record<string, LedgerTerm> {
  const lengths = [...probed].map(([name, { norm }]) => Math.abs(weights[name]!) * norm);
  const total = lengths.reduce((a, b) => a + b, 0);
  return Object.fromEntries(
    [...probed].map(([name, term], i) => [
      name,
      { ...term, weight: weights[name]!, share: total === 0 ? 0 : lengths[i]! / total },
    ]),
  );
}
