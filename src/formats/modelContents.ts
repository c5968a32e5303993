import type { EncoderConfig } from '../models/encoder.ts';
import type { NetworkConfig } from '../onnx/network.ts';
import type { Content } from './disk/content.ts';
import { preprocessorFile } from './preprocessing/preprocessorFile.ts';
import { MULTILABEL } from './config/problemType.ts';
import { float32Tensor, safetensorsChunks } from './tensors/safetensors.ts';
import type { SavedModel } from './savedModel.ts';
import { isPlain, toTransformers } from './transformersNames.ts';

export interface ContentsOptions {
  /** A plain ViT or DeiT gets the parameter names of transformers. */
  readonly forTransformers?: boolean;
}

/** The file of a user's own network, without the values of its weights, in a model folder. */
export const NETWORK_FILE = 'network.onnx';

/**
 * The files of a model folder (Hugging Face layout): config.json, preprocessor_config.json and model.safetensors; of a network that
 * came as ONNX also its graph.
 */
export function modelContents(
  saved: SavedModel,
  { forTransformers = false }: ContentsOptions = {},
): Map<string, Content> {
  const { model } = saved;
  const renamed = forTransformers && isPlain(model);
  const weights = renamed ? toTransformers(model, saved.weights) : saved.weights;
  const tensors = [...weights].map(([name, { shape, data }]) => [name, float32Tensor(shape, data)] as const);
  return new Map<string, Content>([
    ['model.safetensors', safetensorsChunks(tensors, { format: 'pt' })],
    ['preprocessor_config.json', json(preprocessorFile(saved.preprocessing))],
    ...(model.family === 'onnx' ? [[NETWORK_FILE, model.network] as const] : []),
    ['config.json', json(huggingFaceConfig(saved, renamed))],
  ]);
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

function architectureOf(model: NetworkConfig): object {
  if (model.family === 'onnx') return { model_type: model.modelType };
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
  if (model.family === 'encoder') return encoderArchitecture(model);
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

const encoderArchitecture = (model: EncoderConfig): object => ({
  model_type: model.kind,
  hidden_size: model.width,
  num_hidden_layers: model.depth,
  num_attention_heads: model.heads,
  intermediate_size: model.hidden,
  hidden_act: model.activation,
  layer_norm_eps: model.normEpsilon,
  patch_size: model.patchSize,
  num_register_tokens: model.registers,
});

function huggingFaceConfig({ model, classes, multilabel }: SavedModel, renamed: boolean): object {
  const deit = model.family === 'vit' && model.distToken;
  // The bytes of a network lie beside it.
  const described = model.family === 'onnx' ? { ...model, network: undefined } : model;
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
    understudy: { model: described },
  };
}
