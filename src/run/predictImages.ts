import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeImage, imageExtensions, type Pixels } from '../data/index.ts';
import type { Compiled, Engine, EngineTensor } from '../engine/contract.ts';
import { ortNode } from '../engine/ortNode.ts';
import { UserError } from '../graph/errors.ts';
import type { ModelConfig } from '../models/index.ts';
import { frozenProgram } from '../program/evalProgram.ts';
import { type ImportedConfig, type LoadedModel, loadModelReference } from './modelReference.ts';
import type { OnnxGiven } from './onnxReference.ts';
import { pixelValues } from './preprocess.ts';

export interface ClassProbability {
  readonly class: string;
  /** 0 to 1. */
  readonly probability: number;
}

/** A model that is ready to answer. Call `dispose` at the end. */
export interface ImageModel {
  readonly classes: readonly string[];
  readonly config: ModelConfig | ImportedConfig;
  readonly saved: LoadedModel;
  /**
   * The most probable classes of an image, best first: `top` of them, 5 unless told. An image is a path, or RGB bytes with
   * width and height.
   * @throws UserError if the file cannot be read.
   */
  predict(image: string | Pixels, options?: { readonly top?: number }): Promise<ClassProbability[]>;
  /** The same for several images, in their order. */
  predict(images: readonly (string | Pixels)[], options?: { readonly top?: number }): Promise<ClassProbability[][]>;
  dispose(): Promise<void>;
}

/** Loads a trained model: a run folder, an exported folder or a checkpoint folder. */
export async function loadModel(
  ref: string | LoadedModel,
  { engine = ortNode(), onnx }: { readonly engine?: Engine; readonly onnx?: OnnxGiven } = {},
): Promise<ImageModel> {
  const saved = typeof ref === 'string' ? await loadModelReference(ref, onnx ? { onnx } : {}) : ref;
  const compiled = await engine.compile(frozenProgram(saved.network, saved.weights, 1));
  const logits = engine.empty('float32', [1, saved.classes.length]);
  const one = async (image: string | Pixels, top: number) =>
    rank(saved.classes, await answer(saved, engine, compiled, logits, image), top);
  // One after the other: they share the tensor that the logits are written to.
  const several = async (images: readonly (string | Pixels)[], top: number) => {
    const answers: ClassProbability[][] = [];
    for (const image of images) answers.push(await one(image, top));
    return answers;
  };
  const predict = (images: string | Pixels | readonly (string | Pixels)[], { top = 5 }: { top?: number } = {}) =>
    Array.isArray(images) ? several(images, top) : one(images as string | Pixels, top);
  return {
    classes: saved.classes,
    config: saved.model,
    saved,
    predict: predict as ImageModel['predict'],
    dispose: () => compiled.dispose(),
  };
}

async function answer(
  saved: LoadedModel,
  engine: Engine,
  compiled: Compiled,
  logits: EngineTensor,
  image: string | Pixels,
): Promise<Float32Array> {
  const { imageSize } = saved.preprocessing;
  const values = await pixelValues(typeof image === 'string' ? await decodeImage(image) : image, saved.preprocessing);
  await compiled.run({ pixel_values: engine.tensor('float32', [1, 3, imageSize, imageSize], values) }, { logits });
  return (await logits.read()) as Float32Array;
}

/** Softmax in float64; equal probabilities in the order of the classes. */
export function rank(classes: readonly string[], logits: ArrayLike<number>, top: number): ClassProbability[] {
  const values = Array.from(logits);
  const max = Math.max(...values);
  const weights = values.map((z) => Math.exp(z - max));
  const sum = weights.reduce((a, b) => a + b, 0);
  const ranked = classes.map((name, i) => ({ class: name, probability: weights[i]! / sum }));
  return ranked.sort((a, b) => b.probability - a.probability).slice(0, top);
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
