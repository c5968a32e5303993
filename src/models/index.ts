import { z } from 'zod';
import { UserError } from '../graph/errors.ts';
import { checkEncoder, type EncoderConfig, encoder, encoderSchema } from './encoder.ts';
import type { Model } from './features.ts';
import { type RegnetConfig, regnet, regnetSchema } from './regnet.ts';
import { type ResnetConfig, resnet, resnetSchema } from './resnet.ts';
import { VARIANTS } from './variants.ts';
import { checkVit, type VitConfig, vit, vitSchema } from './vit.ts';

export { type FeatureName, type Features, type Model, oneOf } from './features.ts';
export { classAxis, isHead } from './head.ts';
export { VARIANTS, type Variant } from './variants.ts';

/** A model's description as it is saved with its weights. */
export const modelConfigSchema = z.discriminatedUnion('family', [
  vitSchema.extend({ family: z.literal('vit') }),
  resnetSchema.extend({ family: z.literal('resnet') }),
  regnetSchema.extend({ family: z.literal('regnet') }),
  encoderSchema.extend({ family: z.literal('encoder') }),
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
    checkVit(config as VitConfig);
    checkMhca(config as VitConfig);
    return vit(config as VitConfig);
  }
  if (family === 'encoder') {
    checkEncoder(config as EncoderConfig);
    return encoder(config as EncoderConfig);
  }
  checkStages(config as RegnetConfig | ResnetConfig);
  if (family === 'regnet') {
    const { widths, groupWidth } = config as RegnetConfig;
    const odd = widths.find((width) => width % groupWidth !== 0);
    if (odd !== undefined) throw new UserError(`model: width ${odd} is not a multiple of groupWidth ${groupWidth}`);
    return regnet(config as RegnetConfig);
  }
  return resnet(config as ResnetConfig);
}

function checkStages({ depths, widths }: RegnetConfig | ResnetConfig): void {
  if (depths.length !== widths.length)
    throw new UserError(`model: wanted as many widths as depths, got ${widths.length} and ${depths.length}`);
}

function checkMhca({ mhca, depth }: VitConfig): void {
  if (mhca && mhca.layers > depth)
    throw new UserError(`model: mhca.layers: wanted at most the ${depth} blocks of the model, got ${mhca.layers}`);
}
