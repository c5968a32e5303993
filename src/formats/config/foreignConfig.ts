import { UserError } from '../../graph/errors.ts';
import { preprocessingOf } from '../preprocessing/foreignPreprocessor.ts';
import type { ReadPreprocessing } from '../preprocessing/preprocessorValues.ts';
import { type ModelConfig, VARIANTS } from '../../models/index.ts';
import { asObject, type Json, positive, show } from '../disk/jsonValue.ts';
import { checkEncoderSizes, ENCODER_TYPES, encoderHints, encoderPart } from './encoderConfig.ts';
import { saysMultilabel } from './problemType.ts';
import { checkTimm, checkTransformersSizes, compareSaid } from './saidArchitecture.ts';
import type { ModelHints } from '../shapeReader.ts';

/** What the JSON files of transformers or timm say about a model besides its weights. */
export interface ForeignConfig {
  readonly hints: ModelHints;
  /** Class names by index; undefined where the files have none. */
  readonly labels: readonly string[] | undefined;
  readonly multilabel: boolean;
  readonly preprocessing: ReadPreprocessing;
  /**
   * Holds what they say of the architecture against what was built; gives what could not be told.
   * @throws UserError where they say another one
   */
  readonly check: (model: ModelConfig) => string[];
}

/** model_type of transformers -> settings that our models do not have, by the value that they must have. */
const TRANSFORMERS: Readonly<Record<string, Json>> = {
  vit: { hidden_act: 'gelu', num_channels: 3 },
  deit: { hidden_act: 'gelu', num_channels: 3 },
  resnet: {
    hidden_act: 'relu',
    num_channels: 3,
    downsample_in_first_stage: false,
    downsample_in_bottleneck: false,
  },
  regnet: { hidden_act: 'relu', num_channels: 3, layer_type: 'y', downsample_in_first_stage: true },
};

/**
 * Reads config.json and preprocessor_config.json of a model that Understudy did not write.
 * @throws UserError for an architecture that is not read, or values of a wrong kind.
 */
export function readForeignConfig(
  said: Json | undefined,
  preprocessor: Json | undefined,
  where: string,
  preprocessorWhere = where,
): ForeignConfig {
  const config = modernTimm(said ?? {});
  const timm = typeof config.architecture === 'string';
  // Class names alone say nothing of the architecture, which is read off the weights.
  const named = said === undefined || (config.model_type === undefined && config.id2label !== undefined);
  const encoder = timm || named ? undefined : encoderPart(config, where);
  if (!timm && !named && !encoder) checkTransformers(config, where);
  const card = timm ? timmCard(config) : undefined;
  const preprocessing = preprocessingOf(
    preprocessor,
    card,
    preprocessor ? preprocessorWhere : where,
    config.model_type,
  );
  const own = timm
    ? timmHints(config, preprocessing.imageSize)
    : encoder
      ? encoderHints(encoder.kind, encoder.said, where)
      : transformersHints(config);
  // An encoder's config has the side of its last training, and its images are prepared for another.
  const imageSize = encoder ? (preprocessing.imageSize ?? own.imageSize) : (own.imageSize ?? preprocessing.imageSize);
  return {
    hints: { ...own, ...(imageSize === undefined ? {} : { imageSize }) },
    labels: labelsOf(config, where),
    multilabel: saysMultilabel(config),
    preprocessing,
    check: (model) => {
      if (timm) return checkTimm(config, model, where);
      if (model.family === 'encoder' && encoder) checkEncoderSizes(encoder.said, encoder.kind, model, where);
      else if (model.family === 'encoder' || encoder)
        compareSaid(config.model_type, model.family === 'encoder' ? model.kind : model.family, 'model_type', where);
      else if (!named) checkTransformersSizes(config, model, where);
      return [];
    },
  };
}

function checkTransformers(config: Json, where: string): void {
  const type = config.model_type;
  const fixed = typeof type === 'string' && Object.hasOwn(TRANSFORMERS, type) ? TRANSFORMERS[type] : undefined;
  if (!fixed) {
    const got =
      type === undefined ? 'neither model_type (transformers) nor architecture (timm)' : `model_type ${show(type)}`;
    throw new UserError(
      `${where}: wanted model_type ${[...Object.keys(TRANSFORMERS), ...ENCODER_TYPES].join(', ')}, or timm's architecture, got ${got}. Other architectures come as ONNX files`,
    );
  }
  for (const [key, wanted] of Object.entries(fixed))
    if (config[key] !== undefined && config[key] !== wanted)
      throw new UserError(
        `${where}: ${key}: wanted ${show(wanted)}, got ${show(config[key])}; this form of ${type} is not read. It can come as an ONNX file`,
      );
}

function transformersHints(config: Json): ModelHints {
  const size = Array.isArray(config.image_size) ? config.image_size[0] : config.image_size;
  return {
    ...positive('imageSize', size),
    ...positive('heads', config.num_attention_heads),
    // The default of ViTConfig and DeiTConfig.
    normEpsilon: typeof config.layer_norm_eps === 'number' ? config.layer_norm_eps : 1e-12,
  };
}

/**
 * timm's older config.json, where what is now in pretrained_cfg lies beside the architecture, as today's.
 * Source: timm's models/_hub.py, load_model_config_from_hf.
 */
export function modernTimm(config: Json): Json {
  if (typeof config.architecture !== 'string' || config.pretrained_cfg !== undefined) return config;
  const { architecture, model_args, labels, ...card } = config;
  return {
    architecture,
    ...(model_args === undefined ? {} : { model_args }),
    ...(card.global_pool === undefined ? {} : { global_pool: card.global_pool }),
    ...(card.id2label === undefined ? {} : { id2label: card.id2label }),
    ...(card.problem_type === undefined ? {} : { problem_type: card.problem_type }),
    pretrained_cfg: { ...(labels === undefined ? {} : { label_names: labels }), ...card },
  };
}

/** How images are prepared, of a timm config.json; undefined where it is none. */
export const timmCard = (config: Json): Json => ({
  ...asObject(config.pretrained_cfg),
  ...asObject(config.pretrained_cfg_overlay),
});

/** Of an architecture that is known by its name. */
function namedHeads(architecture: unknown): unknown {
  const base = String(architecture).split('.')[0]!;
  return Object.hasOwn(VARIANTS, base) ? VARIANTS[base]!.settings.heads : undefined;
}

function timmHints(config: Json, cardSize: number | undefined): ModelHints {
  const args = asObject(config.model_args);
  const pool = args.global_pool ?? config.global_pool;
  return {
    ...positive('imageSize', args.img_size ?? cardSize),
    ...positive('heads', args.num_heads ?? namedHeads(config.architecture)),
    ...(pool === 'token' ? { pool: 'token' as const } : {}),
    ...(pool === 'avg' ? { pool: 'mean' as const } : {}),
  };
}

/** transformers' id2label, or timm's label_names. */
export function labelsOf(config: Json, where: string): readonly string[] | undefined {
  const listed = config.label_names ?? asObject(config.pretrained_cfg).label_names;
  if (Array.isArray(listed)) return listed.map(String);
  if (config.id2label === undefined) return undefined;
  const names = asObject(config.id2label);
  const count = Object.keys(names).length;
  return Array.from({ length: count }, (_, i) => {
    const name = names[String(i)];
    if (typeof name !== 'string')
      throw new UserError(
        `${where}: id2label: wanted a name for each of 0 to ${count - 1}, got ${show(name)} for ${i}`,
      );
    return name;
  });
}
