import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { largest } from '../../graph/lists.ts';
import { imageExtensions } from '../../data/images/imageNames.ts';
import { decodeBytes, decodeImage } from '../../data/images/decodeNode.ts';
import type { Pixels } from '../../data/augment/pixels.ts';
import type { Compiled, Engine, EngineTensor } from '../../engine/contract.ts';
import { checkAnswer } from '../../engine/finiteAnswer.ts';
import { ortNode } from '../../engine/ortNode.ts';
import { UserError } from '../../graph/errors.ts';
import type { ModelConfig } from '../../models/index.ts';
import { frozenProgram, requireClassifier } from '../../program/evalProgram.ts';
import { loadModelReference, type OnModel } from '../models/reference.ts';
import type { ImportedConfig, LoadedModel } from '../models/loaded.ts';
import type { Described } from '../models/described.ts';
import { pixelValues } from '../datasets/preprocess.ts';

export interface ClassProbability {
  readonly class: string;
  /** 0 to 1. */
  readonly probability: number;
}

/** A path, the bytes of an image file (a Buffer), or RGB bytes with width and height. */
export type ImageInput = string | Uint8Array | Pixels;

/** A model that is ready to answer. Call `dispose` at the end. */
export interface ImageModel {
  readonly classes: readonly string[];
  readonly config: ModelConfig | ImportedConfig;
  readonly saved: LoadedModel;
  /**
   * The most probable classes of an image, best first: `top` of them, 5 unless told. A multilabel model gives each class its own
   * probability, and besides all classes above 0.5.
   * @throws UserError if the image cannot be read, an answer is NaN or infinite, or after `dispose`.
   */
  predict(image: ImageInput, options?: { readonly top?: number }): Promise<ClassProbability[]>;
  /** The same for several images, in their order. */
  predict(images: readonly ImageInput[], options?: { readonly top?: number }): Promise<ClassProbability[][]>;
  /** Gives the memory back once the answers under way are there; a second call does nothing. */
  dispose(): Promise<void>;
}

/** Loads a trained model: a run folder, an exported folder, a foreign folder or file, or `hf:org/name`. */
export async function loadModel(
  ref: string | LoadedModel,
  {
    engine = ortNode(),
    onModel,
    described,
  }: { readonly engine?: Engine; readonly onModel?: OnModel; readonly described?: Described } = {},
): Promise<ImageModel> {
  const saved = typeof ref === 'string' ? await loadModelReference(ref, { onModel, described }) : ref;
  requireClassifier(saved.network, saved.path);
  const compiled = await engine.compile(frozenProgram(saved.network, saved.weights, 1));
  const logits = engine.empty('float32', [1, saved.classes.length]);
  let disposed: Promise<void> | undefined;
  // One after the other: they share the tensor that the logits are written to.
  let turn: Promise<unknown> = Promise.resolve();
  const one = (image: ImageInput, top: number): Promise<ClassProbability[]> => {
    if (disposed) throw new UserError('predict: wanted a model in use, got one after dispose(); load it again');
    const ranked = saved.multilabel ? rankLabels : rank;
    const found = turn.then(async () =>
      ranked(saved.classes, await answer(saved, engine, compiled, logits, image), top),
    );
    turn = found.catch(() => undefined);
    return found;
  };
  const several = async (images: readonly ImageInput[], top: number) => {
    const answers: ClassProbability[][] = [];
    for (const image of images) answers.push(await one(image, top));
    return answers;
  };
  const predict = async (images: ImageInput | readonly ImageInput[], { top = 5 }: { top?: number } = {}) =>
    Array.isArray(images) ? several(images, top) : one(images as ImageInput, top);
  return {
    classes: saved.classes,
    config: saved.model,
    saved,
    predict: predict as ImageModel['predict'],
    dispose: () => {
      disposed ??= turn.then(() => compiled.dispose());
      return disposed;
    },
  };
}

async function answer(
  saved: LoadedModel,
  engine: Engine,
  compiled: Compiled,
  logits: EngineTensor,
  image: ImageInput,
): Promise<Float32Array> {
  const { imageSize } = saved.preprocessing;
  const where = typeof image === 'string' ? image : 'predict';
  const values = pixelValues(await pixelsOf(image), saved.preprocessing, where);
  await compiled.run({ pixel_values: engine.tensor('float32', [1, 3, imageSize, imageSize], values) }, { logits });
  const row = (await logits.read()) as Float32Array;
  checkAnswer(row, 'logits', saved.path, typeof image === 'string' ? image : 'the image');
  return row;
}

async function pixelsOf(image: ImageInput): Promise<Pixels> {
  if (typeof image === 'string') return decodeImage(image);
  // Pages of a document and views of a bigger buffer come as Uint8Array too.
  if (image instanceof Uint8Array)
    return decodeBytes(Buffer.from(image.buffer, image.byteOffset, image.byteLength), `of ${image.byteLength} bytes`);
  const { data, width, height } = image ?? {};
  if (data?.length !== width * height * 3 || !(width > 0))
    throw new UserError(
      'predict: wanted a path, the bytes of an image file, or { data, width, height } with 3 bytes of data for each pixel',
    );
  return image;
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

/**
 * The image files that paths stand for: a folder is all images below it, in code-point order.
 * @throws UserError if a folder has none.
 */
export function imageFiles(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path];
  const isImage = new RegExp(`\\.(${imageExtensions.join('|')})$`, 'i');
  const found = readdirSync(path, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && isImage.test(entry.name),
  );
  if (found.length === 0)
    throw new UserError(
      `${path}: wanted an image or a folder of images (${imageExtensions.join(', ')}), got a folder without any`,
    );
  return found.map((entry) => join(entry.parentPath, entry.name)).sort((a, b) => (a < b ? -1 : 1));
}
