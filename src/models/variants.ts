import { regnetWidths } from './regnet.ts';

export interface Variant {
  /** Where the numbers come from. */
  readonly source: string;
  /** Input side; the small-image forms take any, this is their default. */
  readonly imageSize: number;
  readonly family: 'vit' | 'resnet' | 'regnet';
  readonly settings: Readonly<Record<string, unknown>>;
}

const VIT = 'ViT, arXiv 2010.11929, table 1';
const STEINER = 'How to train your ViT, arXiv 2106.10270, table 2';
const DINO = 'DINO, arXiv 2104.14294, table 1';
const DEIT = 'DeiT, arXiv 2012.12877, table 1';
const DEIT3 = 'DeiT III, arXiv 2204.07118, table 1';

const vit = (source: string, patchSize: number, width: number, heads: number, more: object = {}): Variant => ({
  source,
  imageSize: 224,
  family: 'vit',
  settings: { patchSize, width, depth: 12, heads, ...more },
});
const deit = (width: number, heads: number, more: object = {}): Variant => vit(DEIT, 16, width, heads, more);
const deit3 = (width: number, heads: number, more: object = {}): Variant =>
  vit(DEIT3, 16, width, heads, { layerScale: 1e-4, posEmbedOnPatchesOnly: true, dropPathForm: 'constant', ...more });
const large = { depth: 24 };
const sized = (variant: Variant, imageSize: number): Variant => ({ ...variant, imageSize });
/** timm's forms without class token: the head sees the mean of the patches. */
const gap = (variant: Variant): Variant => ({
  ...variant,
  source: 'Scaling Vision Transformers, arXiv 2106.04560, section 3.3; pooling by the mean as in timm',
  settings: { ...variant.settings, classToken: false, pool: 'mean' },
});
const smallVit = (width: number, depth: number, heads: number): Variant => ({
  source: 'Our choice: DeiT scaled down for 28-64 px',
  imageSize: 32,
  family: 'vit',
  // Our choice: at these widths a deviation of 0.02 is so small that a student loses hundreds of updates to it, and few images teach it
  // late which patches are neighbours (docs/results.md).
  settings: { patchSize: 4, width, depth, heads, mlpRatio: 2, linearInit: 'fanIn', positionInit: 'sincos' },
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

/** initial width, slope, multiplier, depth, group width. */
const regnetY = (...numbers: [number, number, number, number, number]): Variant => ({
  source: 'RegNet, arXiv 2003.13678, appendix, RegNetY',
  imageSize: 224,
  family: 'regnet',
  settings: { stemWidth: 32, ...regnetWidths(...numbers), groupWidth: numbers[4], seRatio: 0.25 },
});

export const VARIANTS: Readonly<Record<string, Variant>> = {
  deit_tiny_patch16_224: deit(192, 3),
  deit_small_patch16_224: deit(384, 6),
  deit_base_patch16_224: deit(768, 12),
  deit_base_patch16_384: sized(deit(768, 12), 384),
  deit_tiny_distilled_patch16_224: deit(192, 3, { distToken: true }),
  deit_small_distilled_patch16_224: deit(384, 6, { distToken: true }),
  deit_base_distilled_patch16_224: deit(768, 12, { distToken: true }),
  deit_base_distilled_patch16_384: sized(deit(768, 12, { distToken: true }), 384),
  deit3_small_patch16_224: deit3(384, 6),
  deit3_medium_patch16_224: deit3(512, 8),
  deit3_base_patch16_224: deit3(768, 12),
  deit3_large_patch16_224: deit3(1024, 16, large),
  vit_tiny_patch16_224: vit(STEINER, 16, 192, 3),
  vit_small_patch8_224: vit(DINO, 8, 384, 6),
  vit_small_patch16_224: vit(STEINER, 16, 384, 6),
  vit_small_patch32_224: vit(STEINER, 32, 384, 6),
  vit_base_patch8_224: vit(DINO, 8, 768, 12),
  vit_base_patch16_224: vit(VIT, 16, 768, 12),
  vit_base_patch16_384: sized(vit(VIT, 16, 768, 12), 384),
  vit_base_patch32_224: vit(VIT, 32, 768, 12),
  vit_base_patch16_gap_224: gap(vit(VIT, 16, 768, 12)),
  vit_large_patch16_224: vit(VIT, 16, 1024, 16, large),
  vit_large_patch32_224: vit(VIT, 32, 1024, 16, large),
  vit_pico_patch4: smallVit(64, 4, 4),
  vit_nano_patch4: smallVit(96, 6, 4),
  vit_micro_patch4: smallVit(144, 8, 9),
  vit_tiny_patch4: smallVit(192, 12, 3),
  vit_small_patch4: smallVit(384, 12, 6),
  resnet18: residual('basic', [2, 2, 2, 2]),
  resnet34: residual('basic', [3, 4, 6, 3]),
  resnet50: residual('bottleneck', [3, 4, 6, 3]),
  resnet101: residual('bottleneck', [3, 4, 23, 3]),
  resnet152: residual('bottleneck', [3, 8, 36, 3]),
  resnet18_small: smallStem(residual('basic', [2, 2, 2, 2])),
  resnet34_small: smallStem(residual('basic', [3, 4, 6, 3])),
  resnet50_small: smallStem(residual('bottleneck', [3, 4, 6, 3])),
  resnet8_small: cifar(1),
  resnet14_small: cifar(2),
  resnet20_small: cifar(3),
  regnety_002: regnetY(24, 36.44, 2.49, 13, 8),
  regnety_004: regnetY(48, 27.89, 2.09, 16, 8),
  regnety_006: regnetY(48, 32.54, 2.32, 15, 16),
  regnety_008: regnetY(56, 38.84, 2.4, 14, 16),
  regnety_016: regnetY(48, 20.71, 2.65, 27, 24),
  regnety_032: regnetY(80, 42.63, 2.66, 21, 24),
  regnety_040: regnetY(96, 31.41, 2.24, 22, 64),
  regnety_064: regnetY(112, 33.22, 2.27, 25, 72),
  regnety_080: regnetY(192, 76.82, 2.19, 17, 56),
  regnety_120: regnetY(168, 73.36, 2.37, 19, 112),
  regnety_160: regnetY(200, 106.23, 2.48, 18, 112),
};
