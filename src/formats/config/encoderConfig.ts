import { UserError } from '../../graph/errors.ts';
import type { EncoderConfig, EncoderKind } from '../../models/encoder.ts';
import { ACTIVATIONS, type Activation } from '../../nn/feedForward.ts';
import { asObject, type Json, positive, show } from '../disk/jsonValue.ts';
import { compareSaid } from './saidArchitecture.ts';
import type { ModelHints } from '../shapeReader.ts';

/** What transformers takes for a key that a config.json leaves out, and what only one value of is computed. */
interface Defaults {
  readonly heads: number;
  readonly activation: Activation;
  readonly normEpsilon: number;
  /** Side for which its images are prepared; undefined: the one of its positions. */
  readonly imageSize?: number;
  readonly fixed: Readonly<Record<string, unknown>>;
}

/** Source: transformers' configuration_dinov2.py, _dinov2_with_registers.py, _dinov3_vit.py, _clip.py, _siglip.py. */
const DINO = { heads: 12, activation: 'gelu', normEpsilon: 1e-6, imageSize: 224, fixed: { num_channels: 3 } } as const;
export const ENCODER_DEFAULTS: Readonly<Record<EncoderKind, Defaults>> = {
  dinov2: DINO,
  dinov2_with_registers: DINO,
  // A key's bias would be turned with its key, which is not computed; no released model has one.
  dinov3_vit: { ...DINO, heads: 6, normEpsilon: 1e-5, fixed: { num_channels: 3, key_bias: false } },
  clip_vision_model: { heads: 12, activation: 'quick_gelu', normEpsilon: 1e-5, fixed: { num_channels: 3 } },
  siglip_vision_model: { heads: 12, activation: 'gelu_pytorch_tanh', normEpsilon: 1e-6, fixed: { num_channels: 3 } },
};

/** model_type of a whole model -> of its image tower. */
const TOWERS: Readonly<Record<string, EncoderKind>> = { clip: 'clip_vision_model', siglip: 'siglip_vision_model' };

/** Model types that are near to those that are read, and why they are not. */
const OTHERS: Readonly<Record<string, string>> = {
  siglip2: 'its images have any shape (NaFlex): a SigLIP 2 of a fixed size has model_type siglip',
  siglip2_vision_model: 'its images have any shape (NaFlex): a SigLIP 2 of a fixed size has model_type siglip',
  clip_text_model: 'it is a tower for texts: the image tower is wanted',
  siglip_text_model: 'it is a tower for texts: the image tower is wanted',
  dinov3_convnext: 'it is a ConvNeXt',
};

/** Those that are read, as they stand in a config.json. */
export const ENCODER_TYPES: readonly string[] = [...Object.keys(TOWERS), ...Object.keys(ENCODER_DEFAULTS)];

/** The part of a config.json that is about images, and which encoder it describes; undefined for other models. */
export function encoderPart(config: Json, where: string): { kind: EncoderKind; said: Json } | undefined {
  const type = String(config.model_type);
  if (Object.hasOwn(OTHERS, type))
    throw new UserError(
      `${where}: model_type: wanted an encoder that is read here (${ENCODER_TYPES.join(', ')}), got ${show(type)}: ${OTHERS[type]}. It can come as an ONNX file`,
    );
  if (Object.hasOwn(ENCODER_DEFAULTS, type)) return { kind: type as EncoderKind, said: config };
  const kind = Object.hasOwn(TOWERS, type) ? TOWERS[type] : undefined;
  return kind && { kind, said: asObject(config.vision_config) };
}

/**
 * What an encoder's config.json says that shapes do not.
 * @throws UserError for what is not computed here
 */
export function encoderHints(kind: EncoderKind, said: Json, where: string): ModelHints {
  const defaults = ENCODER_DEFAULTS[kind];
  for (const [key, wanted] of Object.entries(defaults.fixed))
    if (said[key] !== undefined && said[key] !== wanted)
      throw new UserError(
        `${where}: ${key}: wanted ${show(wanted)}, got ${show(said[key])}; this form of ${kind} is not read. It can come as an ONNX file`,
      );
  return {
    kind,
    activation: activationOf(said.hidden_act ?? defaults.activation, where),
    heads: defaults.heads,
    ...positive('heads', said.num_attention_heads),
    normEpsilon: typeof said.layer_norm_eps === 'number' ? said.layer_norm_eps : defaults.normEpsilon,
    ...(typeof said.rope_theta === 'number' ? { ropeTheta: said.rope_theta } : {}),
    ...(defaults.imageSize === undefined ? positive('imageSize', said.image_size) : {}),
  };
}

/** Other names that transformers has for the same function. */
const SAME_ACTIVATION: Readonly<Record<string, Activation>> = { gelu_new: 'gelu_pytorch_tanh', swish: 'silu' };

function activationOf(said: unknown, where: string): Activation {
  const name = typeof said === 'string' && Object.hasOwn(SAME_ACTIVATION, said) ? SAME_ACTIVATION[said]! : said;
  if (typeof name === 'string' && Object.hasOwn(ACTIVATIONS, name)) return name as Activation;
  throw new UserError(
    `${where}: hidden_act: wanted ${Object.keys(ACTIVATIONS).join(', ')}, got ${show(said)}. The model can come as an ONNX file`,
  );
}

/**
 * What config.json says of an encoder's sizes, held against what its weights are.
 * @throws UserError where they differ
 */
export function checkEncoderSizes(said: Json, kind: EncoderKind, model: EncoderConfig, where: string): void {
  const { width, depth, patchSize, hidden, gated, registers, pool } = model;
  const dinov2 = kind === 'dinov2' || kind === 'dinov2_with_registers';
  const ratio = typeof said.mlp_ratio === 'number' ? said.mlp_ratio : 4;
  // modeling_dinov2.py, Dinov2SwiGLUFFN.
  const plain = Math.trunc(width * ratio);
  const ofRatio = gated ? Math.floor((Math.trunc((plain * 2) / 3) + 7) / 8) * 8 : plain;
  const held: readonly (readonly [key: string, said: unknown, built: unknown])[] = [
    ['model_type', kind, model.kind],
    ['hidden_size', said.hidden_size, width],
    ['num_hidden_layers', said.num_hidden_layers, depth],
    ['patch_size', said.patch_size, patchSize],
    ...(dinov2
      ? ([
          ['use_swiglu_ffn', said.use_swiglu_ffn ?? false, gated],
          ['the width of the MLP by mlp_ratio', ofRatio, hidden],
        ] as const)
      : ([
          ['intermediate_size', said.intermediate_size, hidden],
          ['use_gated_mlp', said.use_gated_mlp ?? false, gated],
        ] as const)),
    ...(kind === 'dinov2' ? [] : ([['num_register_tokens', said.num_register_tokens, registers]] as const)),
    ...(kind === 'siglip_vision_model'
      ? ([['vision_use_head', said.vision_use_head ?? true, pool === 'attention']] as const)
      : []),
  ];
  for (const [key, value, built] of held) compareSaid(value, built, key, where);
}
