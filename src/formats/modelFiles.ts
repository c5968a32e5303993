import { brief, naming, UserError } from '../graph/errors.ts';
import { modelConfigSchema } from '../models/index.ts';
import { type NetworkConfig, networkOf } from '../onnx/network.ts';
import { onnxConfigSchema } from '../onnx/student/config.ts';
import { distinctNames } from './config/classNames.ts';
import { schemaProblem } from './disk/schemaProblem.ts';
import { NETWORK_FILE } from './modelContents.ts';
import { readPreprocessorFile } from './preprocessing/preprocessorFile.ts';
import { saysMultilabel } from './config/problemType.ts';
import type { SavedModel } from './savedModel.ts';
import { type SafetensorsFile, toFloat32 } from './tensors/safetensors.ts';
import { fromTransformers } from './transformersNames.ts';

/** How the files of a model folder are had; `where` is what messages call one. */
export interface ModelFiles {
  readonly where: (name: string) => string;
  json(name: string): Promise<Record<string, unknown>>;
  safetensors(name: string): Promise<SafetensorsFile>;
  /** Undefined where there is no such file. */
  bytes(name: string): Promise<Uint8Array | undefined>;
}

/** Reads a folder that `writeModelFolder` wrote, wherever it lies; `notes` are told what was changed of it. */
export async function readModelFiles(files: ModelFiles, notes: string[] = []): Promise<SavedModel> {
  const [config, path] = [await files.json('config.json'), files.where('config.json')];
  const described = (config.understudy as { model?: unknown } | undefined)?.model;
  if (described === undefined)
    throw new UserError(`${path}: wanted a model that Understudy wrote (a section "understudy"), got none`);
  const model = await describedModel(files, described);
  // Refuses what does not fit together before anything is read.
  naming(path, () => networkOf(model));
  const { tensors } = await files.safetensors('model.safetensors');
  const weights = new Map(
    [...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: toFloat32(tensor) }]),
  );
  // Before the next file: what config.json lacks is told first.
  const classes = distinctNames(readClasses(config.id2label, model.classes, path), notes);
  const preprocessor = await files.json('preprocessor_config.json');
  return {
    model,
    multilabel: saysMultilabel(config),
    classes,
    preprocessing: readPreprocessorFile(preprocessor, model.imageSize, files.where('preprocessor_config.json')),
    weights: fromTransformers(model, weights),
  };
}

async function describedModel(files: ModelFiles, described: unknown): Promise<NetworkConfig> {
  const onnx = (described as { family?: unknown } | null)?.family === 'onnx';
  const given = onnx ? { ...(described as object), network: await networkBytes(files) } : described;
  const parsed = (onnx ? onnxConfigSchema : modelConfigSchema).safeParse(given);
  if (!parsed.success)
    throw new UserError(
      `${files.where('config.json')}: the model's description is not valid: ${schemaProblem(parsed.error)}`,
    );
  return parsed.data as NetworkConfig;
}

async function networkBytes(files: ModelFiles): Promise<Uint8Array> {
  const bytes = await files.bytes(NETWORK_FILE);
  if (!bytes)
    throw new UserError(
      `${files.where(NETWORK_FILE)}: the file is missing; it holds the graph of this model, which came as an ONNX file`,
    );
  return bytes;
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
