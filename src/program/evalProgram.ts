import { constant, input } from '../graph/build.ts';
import { UserError } from '../graph/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { answer } from '../models/vit.ts';
import { type Features, type Model, oneOf } from '../models/index.ts';
import { inputStore, type ParamSpec, Scope } from '../nn/scope.ts';
import { closeProgram, type Program } from './program.ts';
import { type Vector, vectorPorts } from './state.ts';

type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** Builds a model in evaluation mode with its weights as constants. */
export function buildFrozen(model: Model, pixels: Tensor, weights: Weights): Features {
  const provide = ({ name }: ParamSpec): Tensor => {
    const weight = weights.get(name);
    if (!weight) throw new UserError(`the weights have no ${name}`);
    return constant({ dtype: 'float32', shape: weight.shape, data: weight.data });
  };
  return model.build(new Scope(inputStore('', provide), false), pixels);
}

/**
 * @param where what messages call the model.
 * @throws UserError for a model without a classifier.
 */
export function requireClassifier({ classes, family, features }: Model, where = 'model'): void {
  if (classes > 0) return;
  throw new UserError(
    `${where}: wanted logits, got ${oneOf(family)} without a classifier (features only: ${features.join(', ')}). As a teacher it serves methods that read features alone; to classify, fit a head: understudy train --data DIR --init REF`,
  );
}

/**
 * pixel_values [batch,3,S,S] -> logits [batch,K] with the weights inside.
 * @throws UserError if the model has no classifier.
 */
export function frozenProgram(model: Model, weights: Weights, batch: number): Program {
  requireClassifier(model);
  const pixels = input('pixel_values', [batch, 3, model.imageSize, model.imageSize]);
  return closeProgram({ logits: answer(buildFrozen(model, pixels, weights)) });
}

/** What a model's file answers with. */
export const answerName = ({ classes }: Pick<Model, 'classes'>): 'logits' | 'embedding' =>
  classes > 0 ? 'logits' : 'embedding';

/** pixel_values [batch,3,S,S] -> `logits` [batch,K], or of a model without a classifier its `embedding` [batch,D], with the weights inside. */
export function answerProgram(model: Model, weights: Weights, batch: number): Program {
  if (model.classes > 0) return frozenProgram(model, weights, batch);
  const pixels = input('pixel_values', [batch, 3, model.imageSize, model.imageSize]);
  return closeProgram({ embedding: buildFrozen(model, pixels, weights).embedding! });
}

/** The output of a program that judges a model whose answer is a mean of heads: what the class head alone says, [B,K]. */
export const CLASS_HEAD = 'classHead';

const judged = (features: Features): Program =>
  closeProgram({ logits: answer(features), ...(features.distLogits ? { [CLASS_HEAD]: features.logits } : {}) });

/** As `frozenProgram`, with the class head's own logits beside those of several heads. */
export function judgedProgram(model: Model, weights: Weights, batch: number): Program {
  requireClassifier(model);
  return judged(buildFrozen(model, input('pixel_values', [batch, 3, model.imageSize, model.imageSize]), weights));
}

/** The same over the state vectors of a training program (`param.*`), so that evaluation reads the live weights. */
export const liveProgram = (model: Model, vectors: readonly Vector[], batch: number): Program =>
  judged(liveFeatures(model, vectors, batch));

/** All features of a model in evaluation mode over the state vectors of a training program. */
export function liveFeatures(model: Model, vectors: readonly Vector[], batch: number): Features {
  const { params } = vectorPorts(vectors);
  const pixels = input('pixel_values', [batch, 3, model.imageSize, model.imageSize]);
  const store = inputStore('', ({ name }) => params.get(name));
  return model.build(new Scope(store, false), pixels);
}

/** Every parameter and buffer of a model, in the order of declaration. */
export function modelParams(model: Model): ParamSpec[] {
  const store = inputStore();
  model.build(new Scope(store, false), input('pixel_values', [1, 3, model.imageSize, model.imageSize]));
  return [...store.params.values()];
}
