import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import type { Model } from './features.ts';
import { type ResnetConfig, resnet, resnetSchema } from './resnet.ts';
import { type VitConfig, vit, vitSchema } from './vit.ts';

export type { FeatureName, Features, Model } from './features.ts';

export interface Variant {
  /** Where the numbers come from. */
  readonly source: string;
  /** Input side; the small-image forms take any, this is their default. */
  readonly imageSize: number;
  readonly family: 'vit' | 'resnet';
  readonly settings: Readonly<Record<string, unknown>>;
}

const DEIT = 'DeiT, arXiv 2012.12877, table 1';
const DEIT3 = 'DeiT III, arXiv 2204.07118, table 1';
const deit = (width: number, heads: number, more: object = {}, source = DEIT): Variant => ({
  source,
  imageSize: 224,
  family: 'vit',
  settings: { patchSize: 16, width, depth: 12, heads, ...more },
});
const deit3 = (width: number, heads: number, more: object = {}): Variant =>
  deit(width, heads, { layerScale: 1e-4, posEmbedOnPatchesOnly: true, ...more }, DEIT3);
const smallVit = (width: number, depth: number, heads: number): Variant => ({
  source: 'Our choice: DeiT scaled down for 28-64 px',
  imageSize: 32,
  family: 'vit',
  settings: { patchSize: 4, width, depth, heads, mlpRatio: 2 },
});
const RESNET = 'ResNet, arXiv 1512.03385';
const residual = (block: string, depths: number[]): Variant => ({
  source: `${RESNET}, table 1`,
  imageSize: 224,
  family: 'resnet',
  settings: { stem: 'imagenet', block, depths, widths: [64, 128, 256, 512] },
});
const smallStem = (variant: Variant): Variant => ({
  ...variant,
  source: `${variant.source} with the 3x3 stem of section 4.2`,
  imageSize: 32,
  settings: { ...variant.settings, stem: 'small' },
});
const cifar = (n: number): Variant => ({
  source: `${RESNET}, section 4.2 with n = ${n}; projection shortcuts`,
  imageSize: 32,
  family: 'resnet',
  settings: { stem: 'small', block: 'basic', depths: [n, n, n], widths: [16, 32, 64] },
});

export const VARIANTS: Readonly<Record<string, Variant>> = {
  deit_tiny_patch16_224: deit(192, 3),
  deit_small_patch16_224: deit(384, 6),
  deit_base_patch16_224: deit(768, 12),
  deit_tiny_distilled_patch16_224: deit(192, 3, { distToken: true }),
  deit_small_distilled_patch16_224: deit(384, 6, { distToken: true }),
  deit_base_distilled_patch16_224: deit(768, 12, { distToken: true }),
  deit3_small_patch16_224: deit3(384, 6),
  deit3_base_patch16_224: deit3(768, 12),
  deit3_large_patch16_224: deit3(1024, 16, { depth: 24 }),
  vit_pico_patch4: smallVit(64, 4, 4),
  vit_nano_patch4: smallVit(96, 6, 4),
  vit_micro_patch4: smallVit(144, 8, 9),
  vit_tiny_patch4: smallVit(192, 12, 3),
  vit_small_patch4: smallVit(384, 12, 6),
  resnet18: residual('basic', [2, 2, 2, 2]),
  resnet34: residual('basic', [3, 4, 6, 3]),
  resnet50: residual('bottleneck', [3, 4, 6, 3]),
  resnet18_small: smallStem(residual('basic', [2, 2, 2, 2])),
  resnet34_small: smallStem(residual('basic', [3, 4, 6, 3])),
  resnet50_small: smallStem(residual('bottleneck', [3, 4, 6, 3])),
  resnet8_small: cifar(1),
  resnet14_small: cifar(2),
  resnet20_small: cifar(3),
};

/** A model's description as it is saved with its weights. */
export const modelConfigSchema = z.discriminatedUnion('family', [
  vitSchema.extend({ family: z.literal('vit') }),
  resnetSchema.extend({ family: z.literal('resnet') }),
]);

export type ModelConfig = z.output<typeof modelConfigSchema>;

/** Settings of a named variant, changed by `overrides`. */
export function variantConfig(name: string, overrides: Readonly<Record<string, unknown>>): ModelConfig {
  const variant = VARIANTS[name];
  if (!variant) throw new UserError(`Unknown model "${name}". Available: ${Object.keys(VARIANTS).join(', ')}`);
  const checked = modelConfigSchema.safeParse({
    imageSize: variant.imageSize,
    family: variant.family,
    ...variant.settings,
    ...overrides,
  });
  if (!checked.success) throw new UserError(`model ${name}: ${z.prettifyError(checked.error)}`);
  return checked.data;
}

export function buildModel({ family, ...config }: ModelConfig): Model {
  if (family === 'vit') {
    const { heads, width, imageSize, patchSize } = config as VitConfig;
    if (width % heads !== 0) throw new UserError(`model: width ${width} is not a multiple of ${heads} heads`);
    if (imageSize < patchSize)
      throw new UserError(`model: an image of ${imageSize} px has no patch of ${patchSize} px`);
    checkMhca(config as VitConfig);
    return vit(config as VitConfig);
  }
  return resnet(config as ResnetConfig);
}

function checkMhca({ mhca, depth }: VitConfig): void {
  if (mhca && mhca.layers > depth)
    throw new UserError(`model: mhca.layers: wanted at most the ${depth} blocks of the model, got ${mhca.layers}`);
}
