import type { Tensor } from '../graph/tensor.ts';
import type { Features, Model } from '../models/index.ts';
import { liveFeatures } from './evalProgram.ts';
import { closeProgram, type Program } from './program.ts';
import type { Vector } from './state.ts';
import { buildStep, type TrainSpec } from './trainProgram.ts';

/**
 * The loss of a batch that is not learned from: `loss`, its terms, and where the student has one its `embedding`, in evaluation mode,
 * over the ports of the training program.
 */
export function heldOutProgram(spec: TrainSpec, vectors: readonly Vector[]): Program {
  let student: Features | undefined;
  const watched: TrainSpec = {
    ...spec,
    loss: (context) => {
      student = context.student;
      return spec.loss(context);
    },
  };
  const { loss, terms } = buildStep(watched, vectors, false);
  const outputs = new Map<string, Tensor>([['loss', loss]]);
  for (const [name, { value }] of Object.entries(terms)) outputs.set(`term.${name}`, value);
  if (student?.embedding) outputs.set('embedding', student.embedding);
  return closeProgram(outputs);
}

/** `pixel_values` -> a student's embedding, over the state vectors of a training program. */
export const embeddingProgram = (model: Model, vectors: readonly Vector[], batch: number): Program =>
  closeProgram({ embedding: liveFeatures(model, vectors, batch).embedding! });
