import type { Content } from '../formats/content.ts';
import { modelContents } from '../formats/modelContents.ts';
import { decodeSafetensors, float32Tensor, safetensorsChunks, toFloat32 } from '../formats/safetensors.ts';
import type { SavedModel } from '../formats/savedModel.ts';
import { UserError } from '../graph/errors.ts';
import { placeOf, readText, type RunFiles } from '../host/files.ts';
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
  files: RunFiles,
  path: string,
  model: Omit<SavedModel, 'weights'>,
  { progress, state }: Checkpoint,
): Promise<void> {
  const isStudent = (name: string) => name.startsWith('param.') && !name.startsWith('param.method.');
  const student = [...state]
    .filter(([name]) => isStudent(name))
    .map(([name, array]) => [name.slice('param.'.length), array] as const);
  const rest = [...state]
    .filter(([name]) => !isStudent(name))
    .map(([name, { shape, data }]) => [name, float32Tensor(shape, data)] as const);
  const contents: Map<string, Content> = modelContents({ ...model, weights: new Map(student) });
  contents.set('optimizer.safetensors', safetensorsChunks(rest));
  contents.set('state.json', `${JSON.stringify(progress, null, 2)}\n`);
  await files.replaceFolder(path, contents);
}

export async function loadCheckpoint(files: RunFiles, path: string): Promise<Checkpoint> {
  const where = placeOf(files, `${path}/state.json`);
  let progress: Progress;
  try {
    progress = JSON.parse(await readText(files, `${path}/state.json`)) as Progress;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${where}: wanted a checkpoint's state, got ${(error as Error).message}`);
  }
  if (progress.version !== 1)
    throw new UserError(
      `${where}: wanted version 1, got ${String(progress.version)}; it was written by another release`,
    );
  const state = new Map<string, StateArray>();
  for (const [file, prefix] of [
    ['model.safetensors', 'param.'],
    ['optimizer.safetensors', ''],
  ] as const)
    for (const [name, tensor] of await tensorsOf(files, `${path}/${file}`))
      state.set(`${prefix}${name}`, { shape: tensor.shape, data: toFloat32(tensor) });
  return { progress, state };
}

async function tensorsOf(files: RunFiles, path: string) {
  const bytes = await files.read(path);
  if (bytes === undefined)
    throw new UserError(
      `${placeOf(files, path)}: the file is missing; a checkpoint has model.safetensors, optimizer.safetensors and state.json`,
    );
  return decodeSafetensors(bytes, placeOf(files, path)).tensors;
}
