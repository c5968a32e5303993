import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brief, naming, UserError } from '../graph/errors.ts';
import { modelConfigSchema } from '../models/index.ts';
import { type NetworkConfig, networkOf } from '../onnx/network.ts';
import { onnxConfigSchema } from '../onnx/student/config.ts';
import { distinctNames } from './config/classNames.ts';
import { writeFileAtomic } from './disk/atomicNode.ts';
import { readJsonFile } from './disk/jsonFileNode.ts';
import { makeFolder } from './disk/makeFolderNode.ts';
import { schemaProblem } from './disk/schemaProblem.ts';
import { type ContentsOptions, modelContents, NETWORK_FILE } from './modelContents.ts';
import { readPreprocessorFile } from './preprocessing/preprocessorFile.ts';
import { saysMultilabel } from './config/problemType.ts';
import { readSafetensors } from './tensors/safetensorsNode.ts';
import { toFloat32 } from './tensors/safetensors.ts';
import { fromTransformers } from './transformersNames.ts';
import type { SavedModel } from './savedModel.ts';

/** Writes a model folder (Hugging Face layout) into an existing or new folder, as `modelContents`. */
export async function writeModelFolder(dir: string, saved: SavedModel, options: ContentsOptions = {}): Promise<void> {
  makeFolder(dir);
  for (const [path, content] of modelContents(saved, options)) await writeFileAtomic(join(dir, path), content);
}

/** Reads a folder that `writeModelFolder` wrote; `notes` are told what was changed of it. */
export async function readModelFolder(dir: string, notes: string[] = []): Promise<SavedModel> {
  const config = await readJson(join(dir, 'config.json'));
  const described = (config.understudy as { model?: unknown } | undefined)?.model;
  if (described === undefined)
    throw new UserError(
      `${join(dir, 'config.json')}: wanted a model that Understudy wrote (a section "understudy"), got none`,
    );
  const model = await describedModel(dir, described);
  // Refuses what does not fit together before anything is read.
  naming(join(dir, 'config.json'), () => networkOf(model));
  const preprocessorPath = join(dir, 'preprocessor_config.json');
  const { tensors } = await readSafetensors(join(dir, 'model.safetensors'));
  const weights = new Map(
    [...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: toFloat32(tensor) }]),
  );
  return {
    model,
    multilabel: saysMultilabel(config),
    classes: distinctNames(readClasses(config.id2label, model.classes, join(dir, 'config.json')), notes),
    preprocessing: readPreprocessorFile(await readJson(preprocessorPath), model.imageSize, preprocessorPath),
    weights: fromTransformers(model, weights),
  };
}

async function describedModel(dir: string, described: unknown): Promise<NetworkConfig> {
  const path = join(dir, 'config.json');
  const onnx = (described as { family?: unknown } | null)?.family === 'onnx';
  const given = onnx ? { ...(described as object), network: await networkBytes(dir) } : described;
  const parsed = (onnx ? onnxConfigSchema : modelConfigSchema).safeParse(given);
  if (!parsed.success)
    throw new UserError(`${path}: the model's description is not valid: ${schemaProblem(parsed.error)}`);
  return parsed.data as NetworkConfig;
}

async function networkBytes(dir: string): Promise<Uint8Array> {
  const path = join(dir, NETWORK_FILE);
  if (!existsSync(path))
    throw new UserError(`${path}: the file is missing; it holds the graph of this model, which came as an ONNX file`);
  return readFile(path);
}

/** `id2label` as names in the order of the logits; people edit it by hand. */
function readClasses(labels: unknown, count: number, path: string): string[] {
  const given = labels !== null && typeof labels === 'object' ? (labels as Record<string, unknown>) : {};
  const names = Array.from({ length: count }, (_, i) => given[String(i)]);
  const at = names.findIndex((name) => typeof name !== 'string');
  const wanted = `${path}: id2label: wanted a name for each of the ${count} classes ("0" to "${count - 1}")`;
  if (at >= 0) throw new UserError(`${wanted}, got ${brief(JSON.stringify(names[at]) ?? 'nothing')} for "${at}"`);
  const extra = Object.keys(given).find((key) => !(Number(key) < count && String(Number(key)) === key));
  if (extra !== undefined) throw new UserError(`${wanted}, got "${brief(extra)}" besides`);
  return names as string[];
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  if (!existsSync(path))
    throw new UserError(
      `${path}: the file is missing; a model folder has config.json, preprocessor_config.json and model.safetensors`,
    );
  return readJsonFile(path);
}
