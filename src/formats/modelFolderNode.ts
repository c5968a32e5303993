import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { type ModelConfig, modelConfigSchema } from '../models/index.ts';
import { writeFileAtomic } from './atomicNode.ts';
import { readJsonFile } from './jsonFileNode.ts';
import { makeFolder } from './makeFolderNode.ts';
import { preprocessorFile, readPreprocessorFile } from './preprocessorFile.ts';
import { MULTILABEL, saysMultilabel } from './problemType.ts';
import { readSafetensors, writeSafetensors } from './safetensorsNode.ts';
import { float32Tensor, toFloat32 } from './safetensors.ts';
import { fromTransformers, isPlain, toTransformers } from './transformersNames.ts';
import type { SavedModel } from './savedModel.ts';

/**
 * Writes config.json, preprocessor_config.json and model.safetensors (Hugging Face layout) into an existing or new folder.
 * With `forTransformers` a plain ViT or DeiT gets the parameter names of transformers.
 */
export async function writeModelFolder(
  dir: string,
  saved: SavedModel,
  { forTransformers = false }: { readonly forTransformers?: boolean } = {},
): Promise<void> {
  const renamed = forTransformers && isPlain(saved.model);
  const weights = renamed ? toTransformers(saved.model, saved.weights) : saved.weights;
  makeFolder(dir);
  await writeSafetensors(
    join(dir, 'model.safetensors'),
    [...weights].map(([name, { shape, data }]) => [name, float32Tensor(shape, data)] as const),
    { format: 'pt' },
  );
  await writeFileAtomic(join(dir, 'preprocessor_config.json'), json(preprocessorFile(saved.preprocessing)));
  await writeFileAtomic(join(dir, 'config.json'), json(huggingFaceConfig(saved, renamed)));
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function architectureOf(model: ModelConfig): object {
  if (model.family === 'resnet')
    return { model_type: 'resnet', depths: model.depths, layer_type: model.block, hidden_act: 'relu' };
  if (model.family === 'regnet')
    return {
      model_type: 'regnet',
      depths: model.depths,
      hidden_sizes: model.widths,
      embedding_size: model.stemWidth,
      groups_width: model.groupWidth,
      layer_type: 'y',
      hidden_act: 'relu',
    };
  return {
    model_type: model.distToken ? 'deit' : 'vit',
    hidden_size: model.width,
    num_hidden_layers: model.depth,
    num_attention_heads: model.heads,
    intermediate_size: Math.round(model.width * model.mlpRatio),
    hidden_act: 'gelu',
    layer_norm_eps: model.normEpsilon,
    patch_size: model.patchSize,
    qkv_bias: model.qkvBias,
  };
}

function huggingFaceConfig({ model, classes, multilabel }: SavedModel, renamed: boolean): object {
  const deit = model.family === 'vit' && model.distToken;
  return {
    ...(renamed
      ? { architectures: [deit ? 'DeiTForImageClassificationWithTeacher' : 'ViTForImageClassification'] }
      : {}),
    ...architectureOf(model),
    image_size: model.imageSize,
    num_channels: 3,
    num_labels: classes.length,
    ...(multilabel ? { problem_type: MULTILABEL } : {}),
    id2label: Object.fromEntries(classes.map((name, i) => [String(i), name])),
    label2id: Object.fromEntries(classes.map((name, i) => [name, i])),
    understudy: { model },
  };
}

/** Reads a folder that `writeModelFolder` wrote. */
export async function readModelFolder(dir: string): Promise<SavedModel> {
  const config = await readJson(join(dir, 'config.json'));
  const described = (config.understudy as { model?: unknown } | undefined)?.model;
  if (described === undefined)
    throw new UserError(
      `${join(dir, 'config.json')}: wanted a model that Understudy wrote (a section "understudy"), got none`,
    );
  const parsed = modelConfigSchema.safeParse(described);
  if (!parsed.success)
    throw new UserError(
      `${join(dir, 'config.json')}: the model's description is not valid: ${parsed.error.issues[0]?.message}`,
    );
  const preprocessorPath = join(dir, 'preprocessor_config.json');
  const { tensors } = await readSafetensors(join(dir, 'model.safetensors'));
  return {
    model: parsed.data,
    multilabel: saysMultilabel(config),
    classes: readClasses(config.id2label, parsed.data.classes, join(dir, 'config.json')),
    preprocessing: readPreprocessorFile(await readJson(preprocessorPath), parsed.data.imageSize, preprocessorPath),
    weights: fromTransformers(
      parsed.data,
      new Map([...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: toFloat32(tensor) }])),
    ),
  };
}

/** `id2label` as names in the order of the logits; people edit it by hand. */
function readClasses(labels: unknown, count: number, path: string): string[] {
  const given = labels !== null && typeof labels === 'object' ? (labels as Record<string, unknown>) : {};
  const names = Array.from({ length: count }, (_, i) => given[String(i)]);
  const at = names.findIndex((name) => typeof name !== 'string');
  const wanted = `${path}: id2label: wanted a name for each of the ${count} classes ("0" to "${count - 1}")`;
  if (at >= 0) throw new UserError(`${wanted}, got ${JSON.stringify(names[at]) ?? 'nothing'} for "${at}"`);
  const extra = Object.keys(given).find((key) => !(Number(key) < count && String(Number(key)) === key));
  if (extra !== undefined) throw new UserError(`${wanted}, got "${extra}" besides`);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new UserError(`${path}: id2label: wanted different names, got ${JSON.stringify(twice)} twice`);
  return names as string[];
}

async function readJson(path: string): Promise<Record<string, unknown>> {
  if (!existsSync(path))
    throw new UserError(
      `${path}: the file is missing; a model folder has config.json, preprocessor_config.json and model.safetensors`,
    );
  return readJsonFile(path);
}
