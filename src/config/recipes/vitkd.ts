/**
 * ViTKD, arXiv 2209.02432 (CVPR-W 2024), and NKD, ICCV 2023, with the settings of github.com/yzd-v/cls_KD.
 *   understudy distill --config vitkd+nkd-deit-tiny --data imagenet --teacher TEACHER
 * Published ImageNet-1k top-1: see PUBLISHED. Teachers: DeiT III, pre-trained on ImageNet-21k, at 224 px (one trained at 384 px and
 * fed 224 made the student worse than its baseline).
 * Not applied: see notApplied; no setting is missing. The curve of the learning rate is that of the branch master (mmcls on
 * mmcv), which the published numbers are from; the branch 1.0 (mmengine) lays the cosine over the epochs after the warm-up.
 */
import {
  ADAMW,
  BATCH_1024,
  commandOf,
  gpusOf,
  IMAGENET_CROPS,
  mixedBy64,
  type Recipe,
  type RecipeConfig,
  SIZES,
  type Size,
} from './recipe.ts';

const METHODS = ['vitkd', 'nkd', 'vitkd+nkd'] as const;
type Name = (typeof METHODS)[number];

/** The students' baselines, by the same recipe: 74.42, 80.55, 81.76. */
const PUBLISHED: Readonly<Record<Size, Readonly<Record<Name, string>>>> = {
  tiny: { vitkd: '76.06 (baseline 74.42)', nkd: '76.68 (baseline 74.42)', 'vitkd+nkd': '77.78 (baseline 74.42)' },
  small: {
    vitkd: '81.95 (baseline 80.55)',
    nkd: 'not known to us (baseline 80.55)',
    'vitkd+nkd': '83.59 (baseline 80.55)',
  },
  base: { vitkd: '83.46 (baseline 81.76)', nkd: '84.96 (baseline 81.76)', 'vitkd+nkd': '85.41 (baseline 81.76)' },
};

const TEACHERS: Readonly<Record<Size, string>> = {
  tiny: 'DeiT III-S (82.8 top-1), deit3_small_patch16_224 with ImageNet-21k pre-training',
  small: 'DeiT III-B (85.5 top-1), deit3_base_patch16_224 with ImageNet-21k pre-training',
  base: 'DeiT III-L, deit3_large_patch16_224 with ImageNet-21k pre-training',
};

const SECTIONS = {
  vitkd: { alpha: 3e-5, beta: 3e-6, maskRatio: 0.5, generator: 'conv', scale: 'reference', labelSmoothing: 0.1 },
  nkd: { gamma: 1, temp: 1, labelSmoothing: 0.1 },
} as const;

/** Our choice: augmentation as timm and DeiT have it, where mmcls has its own forms of the same. */
const differences = (size: Size, members: readonly string[]): string[] => [
  "the warm-up is a line to the peak (mmcv's is that line times the cosine: at most 1.1 % less, in the first 20 epochs)",
  mixedBy64(gpusOf(size)),
  "an image's partner in mixup and CutMix is the mirrored row of its batch (mmcls: a random one)",
  "RandAugment is timm's on Pillow (mmcls: on OpenCV, solarise and posterise not cut to whole numbers)",
  'erased boxes are smaller than the image and hold N(0, 1) after normalisation (mmcls: may fill it; N(mean, std) on bytes, clipped to 0..255)',
  'the class token starts from N(0, 0.02) (mmcls: zeros)',
  ...(members.includes('vitkd') ? ['the mask token does not decay (the authors decay it)'] : []),
];

/** Drop path and EMA for the base model alone. */
function student(size: Size): Pick<RecipeConfig, 'student' | 'train'> {
  const base = size === 'base';
  return {
    student: { name: `deit_${size}_patch16_224`, imageSize: 224, settings: { dropPath: base ? 0.1 : 0 } },
    train: { ...BATCH_1024, epochs: 300, ema: base ? 0.99996 : null },
  };
}

function recipe(method: Name, size: Size): Recipe {
  const name = `${method}-deit-${size}`;
  const members = method.split('+') as (keyof typeof SECTIONS)[];
  return {
    name,
    source: 'ViTKD, arXiv 2209.02432; NKD, ICCV 2023; github.com/yzd-v/cls_KD',
    command: commandOf(name, true),
    published: PUBLISHED[size][method],
    teacher: TEACHERS[size],
    notApplied: differences(size, members),
    config: {
      ...student(size),
      method,
      methods: Object.fromEntries(members.map((member) => [member, SECTIONS[member]])),
      augment: { ...IMAGENET_CROPS, preset: 'vitkd' },
      optim: { ...ADAMW, lr: 1e-3, warmupEpochs: 20, clipNorm: 5 },
    },
  };
}

export const VITKD: readonly Recipe[] = SIZES.flatMap((size) => METHODS.map((method) => recipe(method, size)));
