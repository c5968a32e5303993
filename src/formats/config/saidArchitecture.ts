import { UserError } from '../../graph/errors.ts';
import { type ModelConfig, VARIANTS } from '../../models/index.ts';
import { asObject, type Json, show } from '../disk/jsonValue.ts';

/** Models of one family in several libraries. */
export type PlainConfig = Exclude<ModelConfig, { family: 'encoder' }>;

/**
 * timm's names whose networks are those that are built here. Names say what shapes do not: resnetblur18 has the parameters of
 * resnet18 and computes other numbers. Source: timm's models/resnet.py, regnet.py, vision_transformer.py, deit.py.
 */
const COMPUTED: Readonly<Record<PlainConfig['family'], RegExp>> = {
  resnet: /^(tv_|gluon_|ssl_|swsl_|ig_)?(wide_)?resnet\d+(_2|_v1b)?$/,
  regnet: /^regnety_\d+$/,
  vit: /^(vit|deit3?)(_(tiny|little|small|medium|base|large|huge|giant|gigantic|wee|pwee|dwee|dpwee|distilled|gap|ap|miil|dino|dinov2|in21k|in22k|plus|patch\d+|\d+))+$/,
};

/** Names that belong to one of the families by their beginning; what stands behind it then has to be known. */
const FAMILIES =
  /^((tv_|gluon_|ssl_|swsl_|ig_|wide_|se|sk|gc|eca|halo|lambda|bot|csp|skip|t)*res(net|next|nest)|regnet|beit|cait|xcit|eva|swin|samvit)/;

/** Parts of a ViT's name for what its parameters do not show: another activation, norms at other places, other pooling. */
const OTHER_VIT = /quickgelu|siglip|so\d+m|rpn|rope|rmlp|clip|relpos|xp|parallel/;

/** Keyword arguments of timm's models that change no number, or that shapes show. */
const SHOWN = new Set(
  'img_size num_classes patch_size embed_dim depth depths num_heads mlp_ratio qkv_bias init_values class_token no_embed_class dynamic_img_size strict_img_size fc_norm weight_init layers block_size zero_init_last drop_rate pos_drop_rate patch_drop_rate proj_drop_rate attn_drop_rate drop_path_rate drop_block_rate features_only pretrained pretrained_cfg pretrained_cfg_overlay scriptable exportable'.split(
    ' ',
  ),
);

/** Arguments with the only values that are computed. */
const FIXED: Readonly<Record<string, readonly unknown[]>> = {
  act_layer: ['gelu', 'relu'],
  norm_layer: ['layernorm', 'batchnorm', 'batchnorm2d'],
  global_pool: ['token', 'avg'],
  in_chans: [3],
  output_stride: [32],
};

/**
 * What a timm config.json says of the architecture, held against what is built.
 * @returns what could not be told
 * @throws UserError where it computes something else
 */
export function checkTimm(config: Json, model: ModelConfig, where: string): string[] {
  const architecture = String(config.architecture);
  const args = { global_pool: config.global_pool, ...asObject(config.model_args) };
  for (const [key, value] of Object.entries(args)) {
    if (value === null || value === undefined || value === false || value === '' || SHOWN.has(key)) continue;
    const wanted = FIXED[key];
    if (!wanted?.includes(typeof value === 'string' ? value.toLowerCase() : value))
      throw otherwise(where, `${key}: wanted ${wanted ? wanted.map(show).join(' or ') : 'none'}`, show(value));
  }
  const base = architecture.split('.')[0]!;
  checkVariant(base, asObject(config.model_args), model, where);
  if (model.family === 'encoder')
    throw otherwise(where, `architecture: wanted a model_type of transformers, as the weights are`, show(architecture));
  if (COMPUTED[model.family].test(base)) return [];
  if (FAMILIES.test(base) || (/^(vit|deit)/.test(base) && OTHER_VIT.test(base)) || model.family !== 'vit')
    throw otherwise(
      where,
      `architecture: wanted one that is computed here (a plain ${model.family})`,
      show(architecture),
    );
  return [
    `architecture ${show(architecture)} is none of timm's that are known here: a plain ${model.family} is built, as its parameters are`,
  ];
}

/** The sizes of an architecture that is known by its name. */
function checkVariant(base: string, args: Json, model: ModelConfig, where: string): void {
  const known = Object.hasOwn(VARIANTS, base) ? VARIANTS[base] : undefined;
  if (!known || ['embed_dim', 'depth', 'patch_size', 'layers', 'num_heads'].some((key) => key in args)) return;
  if (known.family !== model.family)
    throw otherwise(where, `architecture: wanted a ${model.family}, as the weights are`, show(base));
  for (const key of ['patchSize', 'width', 'depth', 'depths', 'widths', 'block', 'groupWidth'])
    compareSaid(known.settings[key], (model as unknown as Json)[key], `architecture ${base}: ${key}`, where);
}

/** What a config.json of transformers says of the sizes, held against what is built. */
export function checkTransformersSizes(config: Json, model: PlainConfig, where: string): void {
  const built: Json =
    model.family === 'vit'
      ? {
          hidden_size: model.width,
          num_hidden_layers: model.depth,
          patch_size: model.patchSize,
          intermediate_size: Math.round(model.width * model.mlpRatio),
        }
      : { depths: model.depths };
  for (const [key, value] of Object.entries(built)) compareSaid(config[key], value, key, where);
  if (model.family === 'resnet') compareSaid(config.layer_type, model.block, 'layer_type', where);
}

export function compareSaid(said: unknown, built: unknown, key: string, where: string): void {
  if (said === undefined || said === null || JSON.stringify(said) === JSON.stringify(built)) return;
  throw new UserError(
    `${where}: ${key}: wanted ${show(built)}, as the weights beside it have, got ${show(said)}. The two files belong to different models, or a part of the weights is missing: copy or download them anew`,
  );
}

const otherwise = (where: string, wanted: string, got: string): UserError =>
  new UserError(
    `${where}: ${wanted}, got ${got}. Its numbers would differ from timm's in silence: export it to ONNX where it was trained (torch.onnx.export) and give that file`,
  );
