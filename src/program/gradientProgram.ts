import { UserError } from '../graph/errors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Tensor } from '../graph/tensor.ts';
import { classAxis, type Features, type Model } from '../models/index.ts';
import { concat, reshape } from '../ops/movement.ts';
import { closeProgram, type Program } from './program.ts';
import { sharedGrad } from './sharedGrad.ts';
import { trainedOf, type Vector } from './state.ts';
import { buildStep, type TrainSpec } from './trainProgram.ts';

/**
 * With respect to what gradients are compared. shared: the student's parameters but for its heads; lastBlock: those of its last
 * block; features: the tokens after it, of all images.
 */
export type ComparedBy = 'shared' | 'lastBlock' | 'features';

/** The losses of terms (`term.<name>`) and, where asked, each one's gradient as one vector (`grad.<name>`), unweighted. */
export function gradientProgram(
  spec: TrainSpec,
  vectors: readonly Vector[],
  terms: readonly string[],
  by: ComparedBy | 'losses',
): Program {
  let student: Features | undefined;
  const watched: TrainSpec = {
    ...spec,
    loss: (context) => {
      student = context.student;
      return spec.loss(context);
    },
  };
  const { params, terms: built } = buildStep(watched, vectors);
  const wrt = by === 'losses' ? [] : comparedBy(by, vectors, params, student!, spec.student);
  const outputs = new Map<string, Tensor>();
  for (const name of terms) {
    const { value } = built[name]!;
    outputs.set(`term.${name}`, value);
    if (wrt.length === 0) continue;
    const parts = sharedGrad(value, wrt).map((g) => reshape(g, [sizeOf(g.shape)]));
    outputs.set(`grad.${name}`, concat(parts, 0));
  }
  return closeProgram(outputs);
}

function comparedBy(
  by: ComparedBy,
  vectors: readonly Vector[],
  params: ReadonlyMap<string, Tensor>,
  student: Features,
  model: Model,
): Tensor[] {
  const own = trainedOf(vectors)
    .flatMap(({ entries }) => entries.map(({ spec }) => spec.name))
    .filter((name) => !name.startsWith('method.') && classAxis(model, name) === undefined);
  const blocks = own.map((name) => Number(/^blocks\.(\d+)\./.exec(name)?.[1] ?? -1));
  const deepest = blocks.reduce((a, b) => Math.max(a, b), -1);
  if (by === 'shared') return own.map((name) => params.get(name)!);
  if (deepest < 0 || !student.tokens)
    throw new UserError(
      `weights.params: wanted a student with blocks for ${by}, a Vision Transformer; got one without. Set weights.params=shared`,
    );
  if (by === 'features') return [student.tokens.at(-1)!];
  return own.filter((_, i) => blocks[i] === deepest).map((name) => params.get(name)!);
}
