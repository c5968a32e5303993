import type { z } from 'zod';
import { AUGMENT_PRESETS, type PresetKey } from '../../config/augmentPresets.ts';
import { type JsonSchema, propertiesOf } from '../../config/jsonSchema.ts';
import { augmentSchema } from '../../config/schema.ts';
import { METHODS } from '../../methods/index.ts';
import { VARIANTS, variantConfig } from '../../models/index.ts';
import { DEFAULTS } from '../plan/defaultsTable.ts';
import { type ModelSize, modelSize, NAMED_CLASSES } from './size.ts';

export interface ModelListing extends ModelSize {
  readonly name: string;
  readonly family: string;
  /** Input side, px. */
  readonly imageSize: number;
  readonly source: string;
}

export interface SettingListing {
  readonly key: string;
  readonly default: unknown;
  /** What is allowed, in words. */
  readonly wanted: string;
}

export interface MethodListing {
  readonly name: string;
  readonly summary: string;
  readonly settings: readonly SettingListing[];
}

export interface AugmentationListing extends SettingListing {
  readonly meaning: string;
  /** Its value in each preset; left out where the presets do not set it. */
  readonly presets?: Readonly<Record<string, unknown>>;
}

/** A setting that may be "auto": the first rule that holds gives its value. */
export interface DefaultListing {
  readonly key: string;
  readonly rules: readonly { readonly when: string; readonly value: string }[];
}

/** Every architecture; sizes are with 1000 classes. */
export function listModels(): ModelListing[] {
  return Object.entries(VARIANTS).map(([name, { family, imageSize, source }]) => ({
    name,
    family,
    imageSize,
    ...modelSize(variantConfig(name, { classes: NAMED_CLASSES })),
    source,
  }));
}

/** Every method with its settings. */
export function listMethods(): MethodListing[] {
  return Object.entries(METHODS).map(([name, { summary, config }]) => ({
    name,
    summary,
    settings: settingsOf(config),
  }));
}

/** What each key of the section `augment` does, with the source of what it does. */
const AUGMENTATIONS: Readonly<Record<string, string>> = {
  preset: 'a named set of values for the keys that are auto',
  crop: 'randomResized: a crop of random area and aspect (Inception, arXiv 1409.4842, section 6); pad: shift over a black border (ResNet, arXiv 1512.03385, section 4.2); none',
  scale: 'area of a randomResized crop, as a share of the image',
  ratio: 'width / height of a randomResized crop',
  padding: 'border of crop pad, px',
  flip: 'probability of a left-right mirror',
  interpolation:
    "of a randomResized crop: Pillow's bicubic or bilinear, random: one of the two; fast: bicubic by its older name",
  randAugment: 'RandAugment with the increasing operations, as timm writes it (arXiv 1909.13719): rand-m9-mstd0.5-inc1',
  threeAugment: '3-Augment: grey, solarised or blurred (DeiT III, arXiv 2204.07118)',
  colourJitter: 'strength of brightness, contrast and saturation; idle beside randAugment, as in timm',
  erase: 'probability of random erasing by noise (arXiv 1708.04896)',
  mixup: 'alpha of mixup (arXiv 1710.09412); 0: none',
  cutmix: 'alpha of CutMix (arXiv 1905.04899); 0: none',
  mixProbability: 'share of the batches that are mixed',
  mixSwitch: "CutMix' share of the mixed batches, where both are on",
  repeats: 'repeated augmentation: copies of an image in a batch (arXiv 1901.09335); 1: none',
  evalCropRatio: 'in evaluation: part of the resized shorter side that the centre crop keeps',
  mean: 'taken from the pixels, by channel; ImageNet',
  std: 'the pixels are divided by it, by channel; ImageNet',
};

/** The keys of the section `augment`. */
export function listAugmentations(): AugmentationListing[] {
  return settingsOf(augmentSchema).map((setting) => ({
    ...setting,
    meaning: AUGMENTATIONS[setting.key] ?? '',
    ...(setting.key in AUGMENT_PRESETS.light.settings ? { presets: inPresets(setting.key as PresetKey) } : {}),
  }));
}

const inPresets = (key: PresetKey): Record<string, unknown> =>
  Object.fromEntries(Object.entries(AUGMENT_PRESETS).map(([name, { settings }]) => [name, settings[key]]));

/** The table behind every "auto". */
export function listDefaults(): DefaultListing[] {
  return Object.entries(DEFAULTS).map(([key, rules]) => ({
    key,
    rules: rules.map(({ when, shown }) => ({ when, value: shown })),
  }));
}

function settingsOf(schema: z.ZodType): SettingListing[] {
  // Parsed, because a default may itself consist of defaults.
  const defaults = schema.parse({}) as Readonly<Record<string, unknown>>;
  return Object.entries(propertiesOf(schema)).map(([key, property]) => ({
    key,
    default: defaults[key] ?? null,
    wanted: wanted(property),
  }));
}

function wanted(schema: JsonSchema): string {
  if (schema.anyOf) return schema.anyOf.map(wanted).join(' | ');
  if (schema.enum) return schema.enum.map(String).join(' | ');
  if (schema.const !== undefined) return String(schema.const);
  if (schema.prefixItems) return `[${schema.prefixItems.map(wanted).join(', ')}]`;
  if (schema.type === 'array') return `list of ${wanted(schema.items ?? {})}`;
  if (schema.properties) return `{${Object.keys(schema.properties).join(', ')}}`;
  const low = schema.exclusiveMinimum !== undefined ? `> ${schema.exclusiveMinimum}` : atLeast(schema.minimum);
  const high = schema.exclusiveMaximum !== undefined ? `< ${schema.exclusiveMaximum}` : atMost(schema.maximum);
  return [String(schema.type ?? 'value'), low, high].filter(Boolean).join(' ');
}

const LARGE = Number.MAX_SAFE_INTEGER;
const atLeast = (value: number | undefined): string => (value === undefined || value <= -LARGE ? '' : `>= ${value}`);
const atMost = (value: number | undefined): string => (value === undefined || value >= LARGE ? '' : `<= ${value}`);
