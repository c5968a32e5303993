import { join } from 'node:path';
import { decodeImage } from '../../data/images/decodeNode.ts';
import { MachineError, UserError } from '../../graph/errors.ts';
import { stream } from '../../random/stream.ts';
import { openEvaluationData, openImages } from './evaluationData.ts';
import type { LoadedModel } from '../models/loaded.ts';
import { pixelValues } from './preprocess.ts';

/** Images to compare two ways to run a model on. */
export interface Sample {
  /** Which images these are, in words. */
  readonly part: string;
  /** Their files: pixels are not kept, they can be large. */
  readonly paths: readonly string[];
  /** Inputs [3,S,S]. */
  readonly inputs: readonly Float32Array[];
  /** Classes of the model; none where the images have no labels. */
  readonly labels?: Int32Array;
}

/** Inputs [3,S,S] of normal noise: 8 of them. */
export function randomInputs({ preprocessing }: LoadedModel): Float32Array[] {
  const size = 3 * preprocessing.imageSize ** 2;
  return Array.from({ length: 8 }, (_, i) => {
    const random = stream('export check', i);
    return Float32Array.from({ length: size }, () => random.normal());
  });
}

/** A folder of images, opened and checked: reading them comes later. */
export interface SampleSource {
  readonly root: string;
  readonly part: string;
  readonly paths: readonly string[];
  readonly labels?: Int32Array;
}

/** @throws UserError if the folder cannot be used or has classes that the model lacks. */
export async function openSample(model: LoadedModel, ref: string, dir: string): Promise<SampleSource> {
  const { classes, list, part } = await openImages(ref, dir);
  if (classes.length === 0 || model.classes.length === 0) return { root: list.root, part, paths: list.paths };
  const { list: own } = await openEvaluationData(model, ref, dir);
  return { root: own.root, part, paths: own.paths, ...(own.sets ? {} : { labels: own.labels }) };
}

/** Up to `most` images spread evenly over the source; unreadable ones are left out. */
export async function readSample(model: LoadedModel, source: SampleSource, most: number): Promise<Sample> {
  const count = Math.min(most, source.paths.length);
  const chosen = Array.from({ length: count }, (_, i) => Math.floor((i * source.paths.length) / count));
  const [paths, inputs, labels]: [string[], Float32Array[], number[]] = [[], [], []];
  for (const i of chosen) {
    const path = join(source.root, source.paths[i]!);
    try {
      inputs.push(pixelValues(await decodeImage(path), model.preprocessing));
      paths.push(path);
      if (source.labels) labels.push(source.labels[i]!);
    } catch (error) {
      if (!(error instanceof UserError) || error instanceof MachineError) throw error;
    }
  }
  if (inputs.length === 0)
    throw new UserError(`${source.root}: wanted images to compare the files on, got none that can be read`);
  return {
    part: source.part,
    paths,
    inputs,
    ...(source.labels ? { labels: Int32Array.from(labels) } : {}),
  };
}
