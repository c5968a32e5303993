import type { Tensor } from '../graph/tensor.ts';
import type { NoiseSpec } from '../nn/scope.ts';
import { globalNorm } from '../optim/clip.ts';
import { closeProgram, type Program } from './program.ts';
import { sharedGrad } from './sharedGrad.ts';
import { trainedOf, type Vector } from './state.ts';
import { buildStep, usedNoises, type TrainSpec } from './trainProgram.ts';

export interface ProbeProgram {
  readonly program: Program;
  readonly noises: readonly NoiseSpec[];
  /** Names of the loss terms. */
  readonly terms: readonly string[];
}

/**
 * For each loss term its value (`term.<name>`) and the length of its gradient over the student's own parameters
 * (`norm.<name>`), both unweighted. The state enters by the same ports as in the training program.
 */
export function probeProgram(spec: TrainSpec, vectors: readonly Vector[]): ProbeProgram {
  const { params, terms, store } = buildStep(spec, vectors);
  const own = trainedOf(vectors).flatMap((vector) => vector.entries);
  const wrt = own.filter(({ spec }) => !spec.name.startsWith('method.')).map(({ spec }) => params.get(spec.name)!);
  const outputs = new Map<string, Tensor>();
  for (const [name, { value }] of Object.entries(terms)) {
    outputs.set(`term.${name}`, value);
    outputs.set(`norm.${name}`, globalNorm(sharedGrad(value, wrt)));
  }
  const program = closeProgram(outputs);
  return { program, noises: usedNoises(program, store.noises), terms: Object.keys(terms) };
}
