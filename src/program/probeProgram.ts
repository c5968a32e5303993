import type { Tensor } from '../graph/tensor.ts';
import type { NoiseSpec, ScheduledSpec } from '../nn/scope.ts';
import { globalNorm } from '../optim/clip.ts';
import { add, mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { closeProgram, type Program } from './program.ts';
import { sharedGrad } from './sharedGrad.ts';
import { trainedOf, type Vector } from './state.ts';
import { buildStep, type TrainSpec, usedNoises, usedSchedules } from './trainProgram.ts';

export interface ProbeProgram {
  readonly program: Program;
  readonly noises: readonly NoiseSpec[];
  readonly schedules: readonly ScheduledSpec[];
  /** Names of the loss terms. */
  readonly terms: readonly string[];
}

/** The port of the inner product of the gradients of two terms, the first named before the second. */
export const dotName = (a: string, b: string): string => `dot.${a}~${b}`;

/**
 * For each loss term its value (`term.<name>`) and the length of its gradient over the student's own parameters
 * (`norm.<name>`), and for each two the inner product of theirs, all unweighted. The state enters by the same ports as in the
 * training program.
 */
export function probeProgram(spec: TrainSpec, vectors: readonly Vector[]): ProbeProgram {
  const { params, terms, store } = buildStep(spec, vectors);
  const own = trainedOf(vectors).flatMap((vector) => vector.entries);
  const wrt = own.filter(({ spec }) => !spec.name.startsWith('method.')).map(({ spec }) => params.get(spec.name)!);
  const outputs = new Map<string, Tensor>();
  const before: [name: string, gradients: readonly Tensor[]][] = [];
  for (const [name, { value }] of Object.entries(terms)) {
    const gradients = sharedGrad(value, wrt);
    outputs.set(`term.${name}`, value);
    outputs.set(`norm.${name}`, globalNorm(gradients));
    for (const [other, theirs] of before) outputs.set(dotName(other, name), innerProduct(theirs, gradients));
    before.push([name, gradients]);
  }
  const program = closeProgram(outputs);
  return {
    program,
    noises: usedNoises(program, store.noises),
    schedules: usedSchedules(program, store.schedules),
    terms: Object.keys(terms),
  };
}

const innerProduct = (a: readonly Tensor[], b: readonly Tensor[]): Tensor =>
  a.map((x, i) => reduceSum(mul(x, b[i]!))).reduce((sum, part) => add(sum, part));
