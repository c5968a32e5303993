import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { writeModelFolder } from '../formats/modelFolderNode.ts';
import type { Lock } from '../formats/lockNode.ts';
import type { SavedModel } from '../formats/savedModel.ts';
import { float32Tensor, toFloat32 } from '../formats/safetensors.ts';
import { readSafetensors, writeSafetensors } from '../formats/safetensorsNode.ts';
import { replaceFolderAtomic, writeFileAtomic } from './atomicNode.ts';
import type { StateArray } from './trainState.ts';

/** Where a run stands; with the arrays it is all that an exact resume needs, since random streams are named by position. */
export interface Progress {
  readonly version: 1;
  /** Finished updates over all stages. */
  readonly step: number;
  readonly stage: number;
  /** Weights of the loss terms of this stage, "auto" resolved. */
  readonly weights: Readonly<Record<string, number>>;
  /** How this stage's teacher computes: "auto" resolved, and the ranges of its activations in 8 bits. */
  readonly teacher?: {
    readonly precision: 'fp32' | 'int8';
    readonly ranges?: readonly { readonly min: number; readonly max: number; readonly of: string }[];
  };
  readonly best: { readonly step: number; readonly metric: number } | null;
  /** Metrics of the last evaluation, by full name. */
  readonly last: Readonly<Record<string, number>>;
  /** Where train.earlyStop watches: the best value of its metric and the evaluations since. */
  readonly early?: { readonly best: number; readonly since: number };
  /** The run was stopped early: a resume has nothing to do. */
  readonly ended?: boolean;
  /** On what it computes, with how many threads: another rounds otherwise. Runs of older releases do not say. */
  readonly computed?: string;
  readonly seed: number;
  /** Digest of the list of training images: names, labels, order. */
  readonly data: string;
  /** Of the validation images; runs of older releases have none. */
  readonly validation?: string;
}

export interface Checkpoint {
  readonly progress: Progress;
  readonly state: ReadonlyMap<string, StateArray>;
}

/**
 * Saves a checkpoint folder whole or not at all: model.safetensors (the student under PyTorch names), optimizer.safetensors
 * (everything else: the method's parameters, optimiser slots, averages), state.json, config.json, preprocessor_config.json.
 */
export async function saveCheckpoint(
  dir: string,
  model: Omit<SavedModel, 'weights'>,
  { progress, state }: Checkpoint,
  lock: Lock,
): Promise<void> {
  const fill = async (folder: string) => {
    const isStudent = (name: string) => name.startsWith('param.') && !name.startsWith('param.method.');
    const student = [...state]
      .filter(([name]) => isStudent(name))
      .map(([name, array]) => [name.slice('param.'.length), array] as const);
    await writeModelFolder(folder, { ...model, weights: new Map(student) });
    const rest = [...state].filter(([name]) => !isStudent(name));
    await writeSafetensors(
      join(folder, 'optimizer.safetensors'),
      rest.map(([name, { shape, data }]) => [name, float32Tensor(shape, data)] as const),
    );
    await writeFileAtomic(join(folder, 'state.json'), `${JSON.stringify(progress, null, 2)}\n`);
  };
  await replaceFolderAtomic(dir, fill, { lock });
}

export async function loadCheckpoint(dir: string): Promise<Checkpoint> {
  const path = join(dir, 'state.json');
  let progress: Progress;
  try {
    progress = JSON.parse(await readFile(path, 'utf8')) as Progress;
  } catch (error) {
    throw new UserError(`${path}: wanted a checkpoint's state, got ${(error as Error).message}`);
  }
  if (progress.version !== 1)
    throw new UserError(
      `${path}: wanted version 1, got ${String(progress.version)}; it was written by another release`,
    );
  const state = new Map<string, StateArray>();
  const [model, rest] = await Promise.all([
    readSafetensors(join(dir, 'model.safetensors')),
    readSafetensors(join(dir, 'optimizer.safetensors')),
  ]);
  for (const [name, tensor] of model.tensors)
    state.set(`param.${name}`, { shape: tensor.shape, data: toFloat32(tensor) });
  for (const [name, tensor] of rest.tensors) state.set(name, { shape: tensor.shape, data: toFloat32(tensor) });
  return { progress, state };
}
