import { largest } from '../../graph/lists.ts';
import type { Pixels } from '../../data/augment/pixels.ts';
import type { Engine } from '../../engine/contract.ts';
import { checkAnswer } from '../../engine/finiteAnswer.ts';
import { UserError } from '../../graph/errors.ts';
import type { ModelConfig } from '../../models/index.ts';
import { frozenProgram, requireClassifier } from '../../program/evalProgram.ts';
import type { ImportedConfig, LoadedModel } from '../models/loaded.ts';
import { pixelValues } from '../datasets/preprocess.ts';

export interface ClassProbability {
  readonly class: string;
  /** 0 to 1. */
  readonly probability: number;
}

/** A model that is ready to answer. Call `dispose` at the end. */
export interface ImageModel<I> {
  readonly classes: readonly string[];
  readonly config: ModelConfig | ImportedConfig;
  readonly saved: LoadedModel;
  /**
   * The most probable classes of an image, best first: `top` of them, 5 unless told. A multilabel model gives each class its own
   * probability, and besides all classes above 0.5.
   * @throws UserError if the image cannot be read, an answer is NaN or infinite, or after `dispose`.
   */
  predict(image: I, options?: { readonly top?: number }): Promise<ClassProbability[]>;
  /** The same for several images, in their order. */
  predict(images: readonly I[], options?: { readonly top?: number }): Promise<ClassProbability[][]>;
  /** Gives the memory back once the answers under way are there; a second call does nothing. */
  dispose(): Promise<void>;
}

/** How a platform gets at the pixels of what it is asked about, and what messages call that. */
export interface Looks<I> {
  pixelsOf(image: I): Promise<Pixels>;
  nameOf(image: I): string | undefined;
}

/** A loaded model on an engine. @throws UserError where it has no classes. */
export async function openImageModel<I>(saved: LoadedModel, engine: Engine, looks: Looks<I>): Promise<ImageModel<I>> {
  requireClassifier(saved.network, saved.path);
  const compiled = await engine.compile(frozenProgram(saved.network, saved.weights, 1));
  const logits = engine.empty('float32', [1, saved.classes.length]);
  const { imageSize } = saved.preprocessing;
  const answer = async (image: I): Promise<Float32Array> => {
    const name = looks.nameOf(image);
    const values = pixelValues(await looks.pixelsOf(image), saved.preprocessing, name ?? 'predict');
    await compiled.run({ pixel_values: engine.tensor('float32', [1, 3, imageSize, imageSize], values) }, { logits });
    const row = (await logits.read()) as Float32Array;
    checkAnswer(row, 'logits', saved.path, name ?? 'the image');
    return row;
  };
  const ranked = saved.multilabel ? rankLabels : rank;
  let disposed: Promise<void> | undefined;
  // One after the other: they share the tensor that the logits are written to.
  let turn: Promise<unknown> = Promise.resolve();
  const one = (image: I, top: number): Promise<ClassProbability[]> => {
    if (disposed) throw new UserError('predict: wanted a model in use, got one after dispose(); load it again');
    const found = turn.then(async () => ranked(saved.classes, await answer(image), top));
    turn = found.catch(() => undefined);
    return found;
  };
  const several = async (images: readonly I[], top: number) => {
    const answers: ClassProbability[][] = [];
    for (const image of images) answers.push(await one(image, top));
    return answers;
  };
  const predict = async (images: I | readonly I[], { top = 5 }: { top?: number } = {}) =>
    Array.isArray(images) ? several(images as readonly I[], top) : one(images as I, top);
  return {
    classes: saved.classes,
    config: saved.model,
    saved,
    predict: predict as ImageModel<I>['predict'],
    dispose: () => {
      disposed ??= turn.then(() => compiled.dispose());
      return disposed;
    },
  };
}

/** Softmax in float64; equal probabilities in the order of the classes. */
export function rank(classes: readonly string[], logits: ArrayLike<number>, top: number): ClassProbability[] {
  const values = Array.from(logits);
  const max = largest(values);
  const weights = values.map((z) => Math.exp(z - max));
  const sum = weights.reduce((a, b) => a + b, 0);
  const ranked = classes.map((name, i) => ({ class: name, probability: weights[i]! / sum }));
  return ranked.sort((a, b) => b.probability - a.probability).slice(0, top);
}

/** Sigmoid in float64: the best `top` classes and all above 0.5. */
export function rankLabels(classes: readonly string[], logits: ArrayLike<number>, top: number): ClassProbability[] {
  const ranked = classes.map((name, i) => ({ class: name, probability: 1 / (1 + Math.exp(-logits[i]!)) }));
  return ranked
    .sort((a, b) => b.probability - a.probability)
    .filter(({ probability }, place) => place < top || probability > 0.5);
}
