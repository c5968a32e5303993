/**
 * DeiT, arXiv 2012.12877, table 9 and github.com/facebookresearch/deit.
 *   understudy distill --config deit-tiny-distilled --data imagenet --teacher TEACHER
 * Published ImageNet-1k top-1: Ti / S / B 72.2 / 79.9 / 81.8 alone, 74.5 / 81.2 / 83.4 distilled, 76.6 / 82.6 / 84.2 in 1000 epochs.
 * Not applied: see notApplied of each; no setting is missing. Colour jitter 0.3 stands in its command line and is idle beside RandAugment there as here. The teacher RegNetY-16GF is not part of the recipe: give its weights (timm's regnety_160) with --teacher; another CNN has other results.
 */
import {
  ADAMW,
  BATCH_1024,
  commandOf,
  EVERY_UPDATE,
  gpusOf,
  IMAGENET_CROPS,
  mixedBy64,
  type Recipe,
  type RecipeConfig,
  REPEATED_ROWS,
  SIZES,
  type Size,
  TOKEN_DECAY,
} from './recipe.ts';

export const REGNET =
  "RegNetY-16GF (82.9 top-1): give its safetensors, timm's regnety_160, with --teacher; another CNN has other results";

/** lr 5e-4 x batch / 512; drop path 0.1, EMA 0.99996, smoothing 0.1 (of each method's label loss, where it is the default). */
export function deitRecipe(epochs: number): Pick<RecipeConfig, 'augment' | 'optim' | 'train'> {
  return {
    augment: { ...IMAGENET_CROPS, preset: 'deit' },
    optim: { ...ADAMW, lr: (5e-4 * 1024) / 512, warmupEpochs: 5, clipNorm: null },
    train: { ...BATCH_1024, epochs, ema: 0.99996 },
  };
}

/** Our choice: these, in what is not a setting. */
export const deitDifferences = (size: Size): string[] => [EVERY_UPDATE, mixedBy64(gpusOf(size)), REPEATED_ROWS];

export const deitStudent = (size: Size, distilled = false): RecipeConfig['student'] => ({
  name: `deit_${size}${distilled ? '_distilled' : ''}_patch16_224`,
  imageSize: 224,
  settings: { dropPath: 0.1 },
});

const PUBLISHED = {
  tiny: { alone: 72.2, distilled: 74.5, long: 76.6 },
  small: { alone: 79.9, distilled: 81.2, long: 82.6 },
  base: { alone: 81.8, distilled: 83.4, long: 84.2 },
} as const;

const SOURCE = 'DeiT, arXiv 2012.12877; github.com/facebookresearch/deit';

const alone = (size: Size): Recipe => ({
  name: `deit-${size}`,
  source: SOURCE,
  command: commandOf(`deit-${size}`, false),
  published: `${PUBLISHED[size].alone}`,
  teacher: null,
  notApplied: deitDifferences(size),
  config: {
    student: deitStudent(size),
    method: 'supervised',
    methods: { supervised: { labelSmoothing: 0.1 } },
    ...deitRecipe(300),
  },
});

function distilled(size: Size, epochs: 300 | 1000): Recipe {
  const name = `deit-${size}-distilled${epochs === 300 ? '' : '-1000'}`;
  return {
    name,
    source: `${SOURCE}, hard distillation with a token`,
    command: commandOf(name, true),
    published: `${PUBLISHED[size][epochs === 300 ? 'distilled' : 'long']}`,
    teacher: REGNET,
    notApplied: [...deitDifferences(size), TOKEN_DECAY],
    config: {
      student: deitStudent(size, true),
      method: 'deit',
      methods: { deit: { kind: 'hard', alpha: 0.5, distToken: true, labelSmoothing: 0.1 } },
      ...deitRecipe(epochs),
    },
  };
}

export const DEIT: readonly Recipe[] = SIZES.flatMap((size) => [
  alone(size),
  distilled(size, 300),
  distilled(size, 1000),
]);
