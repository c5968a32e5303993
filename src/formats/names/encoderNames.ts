import type { EncoderKind } from '../../models/encoder.ts';

/** Our names (timm's; torchvision's for ResNet) and what others call them. Several of theirs are row blocks of one of ours. */
export type NameRow = readonly [ours: string, ...theirs: string[]];

export interface Passed {
  readonly what: string;
  readonly names: RegExp;
}

export interface ZeroBlock {
  readonly ours: RegExp;
  readonly part: number;
}

/** How transformers names the parameters of an encoder; see `Convention`. */
export interface EncoderNames {
  readonly kind: EncoderKind;
  readonly base?: string;
  readonly rows: readonly NameRow[];
  readonly passed?: Passed;
  readonly zeros?: ZeroBlock;
  readonly axes?: Readonly<Record<string, number>>;
}

/** modeling_dinov2.py, modeling_dinov2_with_registers.py. SwiGLU's layers are the MLP's of ours, gate first. */
const LAYER = 'dinov2.encoder.layer.{i}';
export const DINOV2: EncoderNames = {
  kind: 'dinov2',
  base: 'dinov2.',
  rows: [
    ['cls_token', 'dinov2.embeddings.cls_token'],
    ['reg_token', 'dinov2.embeddings.register_tokens'],
    ['pos_embed', 'dinov2.embeddings.position_embeddings'],
    ['patch_embed.proj.{x}', 'dinov2.embeddings.patch_embeddings.projection.{x}'],
    ['blocks.{i}.norm1.{x}', `${LAYER}.norm1.{x}`],
    ['blocks.{i}.attn.qkv.{x}', ...['query', 'key', 'value'].map((part) => `${LAYER}.attention.attention.${part}.{x}`)],
    ['blocks.{i}.attn.proj.{x}', `${LAYER}.attention.output.dense.{x}`],
    ['blocks.{i}.ls1.gamma', `${LAYER}.layer_scale1.lambda1`],
    ['blocks.{i}.norm2.{x}', `${LAYER}.norm2.{x}`],
    ['blocks.{i}.mlp.fc1.{x}', `${LAYER}.mlp.fc1.{x}`],
    ['blocks.{i}.mlp.fc2.{x}', `${LAYER}.mlp.fc2.{x}`],
    ['blocks.{i}.mlp.fc1.{x}', `${LAYER}.mlp.weights_in.{x}`],
    ['blocks.{i}.mlp.fc2.{x}', `${LAYER}.mlp.weights_out.{x}`],
    ['blocks.{i}.ls2.gamma', `${LAYER}.layer_scale2.lambda1`],
    ['norm.{x}', 'dinov2.layernorm.{x}'],
    ['head.{x}', 'classifier.{x}'],
  ],
};

/** modeling_dinov3_vit.py. Its keys have no bias; a gated MLP has `gate_proj` besides. */
export const DINOV3: EncoderNames = {
  kind: 'dinov3_vit',
  rows: [
    ['cls_token', 'embeddings.cls_token'],
    ['reg_token', 'embeddings.register_tokens'],
    ['patch_embed.proj.{x}', 'embeddings.patch_embeddings.{x}'],
    ['blocks.{i}.norm1.{x}', 'layer.{i}.norm1.{x}'],
    ['blocks.{i}.attn.qkv.{x}', ...['q', 'k', 'v'].map((part) => `layer.{i}.attention.${part}_proj.{x}`)],
    ['blocks.{i}.attn.proj.{x}', 'layer.{i}.attention.o_proj.{x}'],
    ['blocks.{i}.ls1.gamma', 'layer.{i}.layer_scale1.lambda1'],
    ['blocks.{i}.norm2.{x}', 'layer.{i}.norm2.{x}'],
    ['blocks.{i}.mlp.fc1.{x}', 'layer.{i}.mlp.gate_proj.{x}', 'layer.{i}.mlp.up_proj.{x}'],
    ['blocks.{i}.mlp.fc2.{x}', 'layer.{i}.mlp.down_proj.{x}'],
    ['blocks.{i}.ls2.gamma', 'layer.{i}.layer_scale2.lambda1'],
    ['norm.{x}', 'norm.{x}'],
  ],
  zeros: { ours: /\.attn\.qkv\.bias$/, part: 1 },
};

/** What CLIP's and SigLIP's image towers share: modeling_clip.py, modeling_siglip.py. */
const TOWER = 'vision_model.encoder.layers.{i}';
const tower: readonly NameRow[] = [
  ['pos_embed', 'vision_model.embeddings.position_embedding.weight'],
  ['patch_embed.proj.{x}', 'vision_model.embeddings.patch_embedding.{x}'],
  ['blocks.{i}.norm1.{x}', `${TOWER}.layer_norm1.{x}`],
  ['blocks.{i}.attn.qkv.{x}', ...['q', 'k', 'v'].map((part) => `${TOWER}.self_attn.${part}_proj.{x}`)],
  ['blocks.{i}.attn.proj.{x}', `${TOWER}.self_attn.out_proj.{x}`],
  ['blocks.{i}.norm2.{x}', `${TOWER}.layer_norm2.{x}`],
  ['blocks.{i}.mlp.fc1.{x}', `${TOWER}.mlp.fc1.{x}`],
  ['blocks.{i}.mlp.fc2.{x}', `${TOWER}.mlp.fc2.{x}`],
  ['norm.{x}', 'vision_model.post_layernorm.{x}'],
  ['head.{x}', 'classifier.{x}'],
];
const passed: Passed = {
  what: 'the text tower',
  names: /^(text_model\.|text_projection\.|logit_scale$|logit_bias$)/,
};

export const CLIP: EncoderNames = {
  kind: 'clip_vision_model',
  base: 'vision_model.',
  rows: [
    ['cls_token', 'vision_model.embeddings.class_embedding'],
    // The misspelling is theirs.
    ['norm_pre.{x}', 'vision_model.pre_layrnorm.{x}'],
    ...tower,
    ['projection.{x}', 'visual_projection.{x}'],
  ],
  passed,
  axes: { cls_token: 3, pos_embed: 3 },
};

export const SIGLIP: EncoderNames = {
  kind: 'siglip_vision_model',
  base: 'vision_model.',
  rows: [
    ...tower,
    ['pool.probe', 'vision_model.head.probe'],
    ['pool.attn.qkv.weight', 'vision_model.head.attention.in_proj_weight'],
    ['pool.attn.qkv.bias', 'vision_model.head.attention.in_proj_bias'],
    ['pool.attn.proj.{x}', 'vision_model.head.attention.out_proj.{x}'],
    ['pool.norm.{x}', 'vision_model.head.layernorm.{x}'],
    ['pool.mlp.{x}', 'vision_model.head.mlp.{x}'],
  ],
  passed,
  axes: { pos_embed: 3 },
};
