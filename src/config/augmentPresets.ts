import type { RunConfig } from './schema.ts';

type Augment = RunConfig['augment'];
/** The keys that a preset sets; the rest (scale, ratio, mean, std) is the same for all. */
export type PresetKey = Exclude<keyof Augment, 'preset' | 'scale' | 'ratio' | 'mean' | 'std'>;
export type PresetName = Exclude<Augment['preset'], 'auto'>;

export interface Preset {
  readonly source: string;
  /** "auto": by the size of the images, see the table of defaults. */
  readonly settings: Readonly<{ [K in PresetKey]: Augment[K] }>;
}

const LIGHT: Preset['settings'] = {
  crop: 'auto',
  padding: 'auto',
  flip: 0.5,
  interpolation: 'fast',
  randAugment: null,
  threeAugment: false,
  colourJitter: 0,
  erase: 0,
  mixup: 0,
  cutmix: 0,
  mixProbability: 1,
  mixSwitch: 0.5,
  repeats: 1,
  evalCropRatio: 'auto',
};

/** What DeiT, DeiT III and ViTKD share. */
const FULL: Preset['settings'] = {
  ...LIGHT,
  crop: 'randomResized',
  interpolation: 'bicubic',
  mixup: 0.8,
  cutmix: 1,
};

/**
 * The augmentations of the papers by name. Where a paper's command line says more than its code does, the code counts: DeiT's
 * colour jitter 0.3 is idle beside RandAugment, as timm's transforms leave it out there.
 */
export const AUGMENT_PRESETS: Readonly<Record<PresetName, Preset>> = {
  none: { source: 'the image as it is', settings: { ...LIGHT, crop: 'none', flip: 0 } },
  light: {
    source: 'crop and mirror: Inception, arXiv 1409.4842; up to 64 px ResNet, arXiv 1512.03385',
    settings: LIGHT,
  },
  deit: {
    source: 'DeiT, arXiv 2012.12877, table 9; github.com/facebookresearch/deit',
    settings: { ...FULL, randAugment: 'rand-m9-mstd0.5-inc1', colourJitter: 0.3, erase: 0.25, repeats: 3 },
  },
  deit3: {
    source: 'DeiT III, arXiv 2204.07118; github.com/facebookresearch/deit, README_revenge.md',
    settings: { ...FULL, threeAugment: true, colourJitter: 0.3, repeats: 3, evalCropRatio: 1 },
  },
  vitkd: {
    source: 'ViTKD, arXiv 2209.02432; github.com/yzd-v/cls_KD',
    settings: { ...FULL, randAugment: 'rand-m9-mstd0.5-inc1', erase: 0.25 },
  },
};
