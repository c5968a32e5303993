import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { decodeImage, type ImageList } from '../data/index.ts';
import { ortNode } from '../engine/ortNode.ts';
import { UserError } from '../graph/errors.ts';
import { frozenProgram } from '../program/evalProgram.ts';
import { stream } from '../random/stream.ts';
import type { LoadedModel } from './modelReference.ts';
import { pixelValues } from './preprocess.ts';

/** How far two ways to run a model agree. */
export interface Agreement {
  readonly images: number;
  /** Largest absolute difference of a logit. */
  readonly largestDifference: number;
  /** Share, 0 to 1, of the images that both decide alike. */
  readonly top1: number;
}

/** Batches of different sizes, since the file's batch is open. */
const BATCHES = [1, 3, 4];

/** At most so many real images. */
const REAL_IMAGES = 64;

/**
 * Runs an ONNX file, by ONNX Runtime alone and in batches of 1, 3 and 4, and our own forward pass, one image at a time, on the
 * same inputs [3,S,S].
 */
export async function compareOnnx(
  model: LoadedModel,
  file: Uint8Array,
  images: readonly Float32Array[],
): Promise<Agreement> {
  const theirs = await runFile(file, images, model.preprocessing.imageSize);
  const ours = await runOwn(model, images);
  let [largest, alike] = [0, 0];
  theirs.forEach((row, i) => {
    for (const [k, z] of row.entries()) {
      const difference = Math.abs(z - ours[i]![k]!);
      // NaN is no agreement.
      if (!(difference <= largest)) largest = difference;
    }
    if (decision(row) === decision(ours[i]!)) alike++;
  });
  return { images: images.length, largestDifference: largest, top1: alike / images.length };
}

/** Inputs [3,S,S] of normal noise: 8 of them. */
export function randomImages(model: LoadedModel): Float32Array[] {
  const size = 3 * model.preprocessing.imageSize ** 2;
  return Array.from({ length: 8 }, (_, i) => {
    const random = stream('export check', i);
    return Float32Array.from({ length: size }, () => random.normal());
  });
}

/** Up to 64 images spread over a list, as inputs [3,S,S]; unreadable ones are left out. */
export async function realImages(model: LoadedModel, { root, paths }: ImageList): Promise<Float32Array[]> {
  const step = Math.max(1, Math.ceil(paths.length / REAL_IMAGES));
  const inputs: Float32Array[] = [];
  for (let i = 0; i < paths.length; i += step) {
    try {
      inputs.push(await pixelValues(await decodeImage(join(root, paths[i]!)), model.preprocessing));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
  }
  if (inputs.length === 0)
    throw new UserError(`${root}: wanted images to check the exported file on, got none that can be read`);
  return inputs;
}

async function runFile(file: Uint8Array, images: readonly Float32Array[], side: number): Promise<Float32Array[]> {
  const session = await ort.InferenceSession.create(file, { executionProviders: ['cpu'], logSeverityLevel: 3 });
  const rows: Float32Array[] = [];
  for (let at = 0, turn = 0; at < images.length; turn++) {
    const part = images.slice(at, at + BATCHES[turn % BATCHES.length]!);
    const pixels = new Float32Array(part.length * 3 * side * side);
    for (const [i, image] of part.entries()) pixels.set(image, i * image.length);
    const { logits } = await session.run({
      pixel_values: new ort.Tensor('float32', pixels, [part.length, 3, side, side]),
    });
    const [, K] = logits!.dims as [number, number];
    for (let i = 0; i < part.length; i++) rows.push((logits!.data as Float32Array).slice(i * K, (i + 1) * K));
    at += part.length;
  }
  await session.release();
  return rows;
}

async function runOwn(model: LoadedModel, images: readonly Float32Array[]): Promise<Float32Array[]> {
  const engine = ortNode();
  const compiled = await engine.compile(frozenProgram(model.network, model.weights, 1));
  const logits = engine.empty('float32', [1, model.classes.length]);
  const side = model.preprocessing.imageSize;
  const rows: Float32Array[] = [];
  for (const image of images) {
    await compiled.run({ pixel_values: engine.tensor('float32', [1, 3, side, side], image) }, { logits });
    rows.push(((await logits.read()) as Float32Array).slice());
  }
  await compiled.dispose();
  return rows;
}

function decision(row: Float32Array): number {
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k;
  return best;
}
