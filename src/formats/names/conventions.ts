import type { EncoderKind } from '../../models/encoder.ts';
import type { ModelConfig } from '../../models/index.ts';
import {
  CLIP,
  DINOV2,
  DINOV3,
  type EncoderNames,
  type NameRow,
  type Passed,
  SIGLIP,
  type ZeroBlock,
} from './encoderNames.ts';
import { type Template, template } from './template.ts';

/** How one library names the parameters of one family. */
export interface Convention {
  /** As messages say it. */
  readonly name: string;
  readonly family: ModelConfig['family'];
  readonly rows: readonly { readonly ours: Template; readonly theirs: readonly Template[] }[];
  /** What stands before the names of the model's body, and is missing where the body was saved without a head. */
  readonly base: string;
  /** Older spellings: [old, today's]. */
  readonly aliases: readonly (readonly [Template, Template])[];
  /** Of an encoder: which one. */
  readonly kind?: EncoderKind;
  /** Tensors of another part of a whole model, which are passed over: what they are, and their names. */
  readonly passed?: Passed;
  /** A row block that it leaves out, as all of it is zeros. */
  readonly zeros?: ZeroBlock;
  /** Axes of those of our parameters that it stores without leading axes of 1. */
  readonly axes?: Readonly<Record<string, number>>;
}

interface Extra extends Pick<Convention, 'kind' | 'passed' | 'zeros' | 'axes'> {
  readonly base?: string;
  readonly aliases?: readonly (readonly [string, string])[];
}

const convention = (
  name: string,
  family: ModelConfig['family'],
  rows: readonly NameRow[],
  { base = '', aliases = [], ...rest }: Extra = {},
): Convention => ({
  name,
  family,
  base,
  ...rest,
  rows: rows.map(([ours, ...theirs]) => ({ ours: template(ours), theirs: theirs.map(template) })),
  aliases: aliases.map(([old, now]) => [template(old), template(now)]),
});

const same = (...names: string[]): NameRow[] => names.map((name) => [name, name]);

/** ViTModel and DeiTModel of transformers, source: modeling_vit.py, modeling_deit.py. */
const huggingFaceVit = (base: string): NameRow[] => [
  ['cls_token', `${base}.embeddings.cls_token`],
  ['pos_embed', `${base}.embeddings.position_embeddings`],
  ['patch_embed.proj.{x}', `${base}.embeddings.patch_embeddings.projection.{x}`],
  ['blocks.{i}.norm1.{x}', `${base}.encoder.layer.{i}.layernorm_before.{x}`],
  [
    'blocks.{i}.attn.qkv.{x}',
    ...['query', 'key', 'value'].map((part) => `${base}.encoder.layer.{i}.attention.attention.${part}.{x}`),
  ],
  ['blocks.{i}.attn.proj.{x}', `${base}.encoder.layer.{i}.attention.output.dense.{x}`],
  ['blocks.{i}.norm2.{x}', `${base}.encoder.layer.{i}.layernorm_after.{x}`],
  ['blocks.{i}.mlp.fc1.{x}', `${base}.encoder.layer.{i}.intermediate.dense.{x}`],
  ['blocks.{i}.mlp.fc2.{x}', `${base}.encoder.layer.{i}.output.dense.{x}`],
  ['norm.{x}', `${base}.layernorm.{x}`],
];
const huggingFaceDeit: NameRow[] = [...huggingFaceVit('deit'), ['dist_token', 'deit.embeddings.distillation_token']];

/** torchvision/models/vision_transformer.py */
const TORCHVISION_LAYER = 'encoder.layers.encoder_layer_{i}';
const torchvisionVit: NameRow[] = [
  ['cls_token', 'class_token'],
  ['pos_embed', 'encoder.pos_embedding'],
  ['patch_embed.proj.{x}', 'conv_proj.{x}'],
  ['blocks.{i}.norm1.{x}', `${TORCHVISION_LAYER}.ln_1.{x}`],
  ['blocks.{i}.attn.qkv.{x}', `${TORCHVISION_LAYER}.self_attention.in_proj_{x}`],
  ['blocks.{i}.attn.proj.{x}', `${TORCHVISION_LAYER}.self_attention.out_proj.{x}`],
  ['blocks.{i}.norm2.{x}', `${TORCHVISION_LAYER}.ln_2.{x}`],
  ['blocks.{i}.mlp.fc1.{x}', `${TORCHVISION_LAYER}.mlp.0.{x}`],
  ['blocks.{i}.mlp.fc2.{x}', `${TORCHVISION_LAYER}.mlp.3.{x}`],
  ['norm.{x}', 'encoder.ln.{x}'],
  ['head.{x}', 'heads.head.{x}'],
];

/** modeling_resnet.py of transformers. */
const LAYER = 'encoder.stages.{i}.layers.{j}';
const huggingFaceResnet: NameRow[] = [
  ['conv1.{x}', 'resnet.embedder.embedder.convolution.{x}'],
  ['bn1.{x}', 'resnet.embedder.embedder.normalization.{x}'],
  ...[0, 1, 2].flatMap((n): NameRow[] => [
    [`layer{i+1}.{j}.conv${n + 1}.{x}`, `resnet.${LAYER}.layer.${n}.convolution.{x}`],
    [`layer{i+1}.{j}.bn${n + 1}.{x}`, `resnet.${LAYER}.layer.${n}.normalization.{x}`],
  ]),
  ['layer{i+1}.{j}.downsample.0.{x}', `resnet.${LAYER}.shortcut.convolution.{x}`],
  ['layer{i+1}.{j}.downsample.1.{x}', `resnet.${LAYER}.shortcut.normalization.{x}`],
  ['fc.{x}', 'classifier.1.{x}'],
];

/** modeling_regnet.py of transformers: a Y block is convolution, convolution, squeeze-and-excitation, convolution. */
const huggingFaceRegnet: NameRow[] = [
  ['stem.conv.{x}', 'regnet.embedder.embedder.convolution.{x}'],
  ['stem.bn.{x}', 'regnet.embedder.embedder.normalization.{x}'],
  ...[0, 1, 3].flatMap((n, at): NameRow[] => [
    [`s{i+1}.b{j+1}.conv${at + 1}.conv.{x}`, `regnet.${LAYER}.layer.${n}.convolution.{x}`],
    [`s{i+1}.b{j+1}.conv${at + 1}.bn.{x}`, `regnet.${LAYER}.layer.${n}.normalization.{x}`],
  ]),
  ['s{i+1}.b{j+1}.se.fc1.{x}', `regnet.${LAYER}.layer.2.attention.0.{x}`],
  ['s{i+1}.b{j+1}.se.fc2.{x}', `regnet.${LAYER}.layer.2.attention.2.{x}`],
  ['s{i+1}.b{j+1}.downsample.conv.{x}', `regnet.${LAYER}.shortcut.convolution.{x}`],
  ['s{i+1}.b{j+1}.downsample.bn.{x}', `regnet.${LAYER}.shortcut.normalization.{x}`],
  ['head.fc.{x}', 'classifier.1.{x}'],
];

/** torchvision/models/regnet.py */
const TRUNK = 'trunk_output.block{i}.block{i}-{j}';
const torchvisionRegnet: NameRow[] = [
  ['stem.conv.{x}', 'stem.0.{x}'],
  ['stem.bn.{x}', 'stem.1.{x}'],
  ...['a', 'b', 'c'].flatMap((letter, at): NameRow[] => [
    [`s{i}.b{j+1}.conv${at + 1}.conv.{x}`, `${TRUNK}.f.${letter}.0.{x}`],
    [`s{i}.b{j+1}.conv${at + 1}.bn.{x}`, `${TRUNK}.f.${letter}.1.{x}`],
  ]),
  ['s{i}.b{j+1}.se.{x}', `${TRUNK}.f.se.{x}`],
  ['s{i}.b{j+1}.downsample.conv.{x}', `${TRUNK}.proj.0.{x}`],
  ['s{i}.b{j+1}.downsample.bn.{x}', `${TRUNK}.proj.1.{x}`],
  ['head.fc.{x}', 'fc.{x}'],
];

const VIT_NAMES = [
  'cls_token',
  'dist_token',
  'pos_embed',
  'patch_embed.proj.{x}',
  'blocks.{i}.{x}',
  'norm.{x}',
  'lift.{x}',
];

const encoder = (name: string, { rows, ...rest }: EncoderNames): Convention => convention(name, 'encoder', rows, rest);

/** All that are read. Where two fit equally well, the first is taken. */
export const CONVENTIONS = {
  timmVit: convention('timm ViT', 'vit', same(...VIT_NAMES, 'fc_norm.{x}', 'head.{x}', 'head_dist.{x}')),
  torchResnet: convention(
    'torchvision and timm ResNet',
    'resnet',
    same('conv1.{x}', 'bn1.{x}', 'layer{i}.{j}.{x}', 'fc.{x}'),
  ),
  timmRegnet: convention('timm RegNet', 'regnet', same('stem.conv.{x}', 'stem.bn.{x}', 's{i}.b{j}.{x}', 'head.fc.{x}')),
  huggingFaceVit: convention('transformers ViT', 'vit', [...huggingFaceVit('vit'), ['head.{x}', 'classifier.{x}']], {
    base: 'vit.',
  }),
  huggingFaceDeit: convention('transformers DeiT', 'vit', [...huggingFaceDeit, ['head.{x}', 'classifier.{x}']], {
    base: 'deit.',
  }),
  huggingFaceDeitTwoHeads: convention(
    'transformers DeiT with two heads',
    'vit',
    [...huggingFaceDeit, ['head.{x}', 'cls_classifier.{x}'], ['head_dist.{x}', 'distillation_classifier.{x}']],
    { base: 'deit.' },
  ),
  torchvisionVit: convention('torchvision ViT', 'vit', torchvisionVit, {
    aliases: [
      [`${TORCHVISION_LAYER}.mlp.linear_1.{x}`, `${TORCHVISION_LAYER}.mlp.0.{x}`],
      [`${TORCHVISION_LAYER}.mlp.linear_2.{x}`, `${TORCHVISION_LAYER}.mlp.3.{x}`],
    ],
  }),
  huggingFaceResnet: convention('transformers ResNet', 'resnet', huggingFaceResnet, { base: 'resnet.' }),
  huggingFaceRegnet: convention('transformers RegNet', 'regnet', huggingFaceRegnet, { base: 'regnet.' }),
  torchvisionRegnet: convention('torchvision RegNet', 'regnet', torchvisionRegnet),
  dinov2: encoder('transformers DINOv2', DINOV2),
  dinov3: encoder('transformers DINOv3', DINOV3),
  // SigLIP without its head has no name that CLIP has not.
  siglip: encoder('transformers SigLIP', SIGLIP),
  clip: encoder('transformers CLIP', CLIP),
} as const satisfies Readonly<Record<string, Convention>>;

export type ConventionName = keyof typeof CONVENTIONS;
