import type { RunInput } from '../schema.ts';

/** A run's configuration without what only the user has: the images and the teacher. */
export type RecipeConfig = Omit<RunInput, 'data' | 'teacher'> & { readonly data?: Omit<RunInput['data'], 'dir'> };

/** A published experiment as a configuration. */
export interface Recipe {
  readonly name: string;
  /** Paper, and code where settings come from it. */
  readonly source: string;
  /** What to type. */
  readonly command: string;
  /** ImageNet-1k top-1 as published, or that it is not known to us. */
  readonly published: string;
  /** What to give as --teacher; null for a method without one. */
  readonly teacher: string | null;
  /** Where it is not the authors' code, a phrase each: a run is the paper's but for these. */
  readonly notApplied: readonly string[];
  readonly config: RecipeConfig;
}

/** The command of a recipe. */
export function commandOf(name: string, distills: boolean): string {
  return distills
    ? `understudy distill --config ${name} --data imagenet --teacher TEACHER --out runs/${name.replace('+', '-')}`
    : `understudy train --config ${name} --data imagenet --out runs/${name}`;
}

/** The three students of the papers. */
export const SIZES = ['tiny', 'small', 'base'] as const;
export type Size = (typeof SIZES)[number];

/** The boxes of RandomResizedCrop at 224 px, evaluation on the central 0.875; the mean and deviation of ImageNet are the defaults. */
export const IMAGENET_CROPS = {
  scale: [0.08, 1],
  ratio: [3 / 4, 4 / 3],
  evalCropRatio: 0.875,
} as const satisfies RecipeConfig['augment'];

/**
 * AdamW as all these papers use it: betas 0.9 and 0.999, decay 0.05 (none on norms, biases, tokens, positions), a linear
 * warm-up from 1e-6, a cosine over all epochs down to 1e-5.
 */
export const ADAMW = {
  name: 'adamw',
  schedule: 'cosine',
  cosineOver: 'all',
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weightDecay: 0.05,
  warmupLr: 1e-6,
  minLr: 1e-5,
} as const satisfies RecipeConfig['optim'];

/**
 * The papers' 1024 images an update, as 16 times 64, each 64 mixed by a draw of their own: as on the 16 GPUs of the base models;
 * the smaller ones had 4 GPUs with 256 images each. lr belongs to 1024, so change it with them.
 */
export const BATCH_1024 = { batch: 64, accumulate: 16 } as const;

/** Our choice: a draw for each micro-batch; the authors draw for each GPU. */
export const mixedBy64 = (authors: string): string =>
  `mixup and CutMix are drawn for each 64 images of an update (the authors': ${authors})`;

/** Of a student of a size: what the authors trained it on. */
export const gpusOf = (size: Size): string => (size === 'base' ? '16 GPUs x 64' : '4 GPUs x 256');

/** Our choice: the copies of repeated augmentation stand side by side, and a row's partner is the mirrored one. */
export const REPEATED_ROWS =
  'the copies of an image (repeated augmentation) share a micro-batch, so that 2 rows of 64 are mostly mixed with a copy of themselves (the authors spread them over the GPUs)';

/** Our choice: see `warmupCosine`. */
export const EVERY_UPDATE =
  "the learning rate moves every update, from the first epoch on (DeiT's loop sets it after each epoch, one late)";

/** Our choice: as newer timm does. */
export const TOKEN_DECAY = "the distillation token does not decay (DeiT's own code decays it)";
