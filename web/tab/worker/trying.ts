import {
  type ClassProbability,
  type ImageInput,
  type ImageModel,
  loadModel,
  type ModelSource,
} from 'understudy/browser';
import { rgbOf } from '../../ui/rgbOf.ts';
import type { Teacher } from '../protocol.ts';
import { runtime } from './runtime.ts';
import { teacherSource } from './teacher.ts';

export interface Answer {
  readonly best: readonly ClassProbability[];
  /** Of preparing the picture and computing, without decoding it. */
  readonly milliseconds: number;
}

type Model = ImageModel<ImageInput>;
type Pixels = Exclude<ImageInput, Blob | Uint8Array>;

const models = new Map<string, Promise<Model>>();

/** Forgets the models that are loaded, since others may lie in their places now. */
export async function unload(): Promise<void> {
  const loaded = [...models.values()];
  models.clear();
  for (const model of loaded) await (await model.catch(() => undefined))?.dispose();
}

/** What the model of a training says to a picture. The picture is used up. */
export async function askStudent(run: string, picture: ImageBitmap): Promise<Answer> {
  return answer(`student ${run}`, run, picture);
}

export async function askTeacher(teacher: Teacher, picture: ImageBitmap): Promise<Answer> {
  return answer(`teacher ${teacher.name}`, await teacherSource(teacher), picture);
}

async function answer(key: string, source: ModelSource, picture: ImageBitmap): Promise<Answer> {
  const image = rgbOf(picture);
  const model = await loaded(key, source, image);
  const began = performance.now();
  const best = await model.predict(image, { top: 4 });
  return { best, milliseconds: performance.now() - began };
}

/** A first answer takes longer, and says nothing of the others. */
async function open(source: ModelSource, first: Pixels): Promise<Model> {
  const model = await loadModel(source, { runtime: await runtime() });
  await model.predict(first);
  return model;
}

async function loaded(key: string, source: ModelSource, first: Pixels): Promise<Model> {
  const known = models.get(key) ?? open(source, first);
  models.set(key, known);
  try {
    return await known;
  } catch (error) {
    models.delete(key);
    throw error;
  }
}
