import type { RunConfig } from '../config/schema.ts';
import { VARIANTS } from '../models/index.ts';

/** What the automatic settings are chosen from. */
export interface DataFacts {
  /** Training images. */
  readonly images: number;
  readonly classes: number;
  /** Median shorter side of some of the images, px. */
  readonly shorterSide: number;
}

/** A setting that was "auto", what it became and why. */
export interface Choice {
  readonly key: string;
  readonly value: number | string;
  readonly reason: string;
}

type Auto<T> = T extends 'auto' ? never : T;
type Resolved<T> = { readonly [K in keyof T]: Auto<T[K]> };

/** The settings of a run without "auto". */
export interface Settings {
  readonly imageSize: number;
  readonly augment: Resolved<RunConfig['augment']>;
  readonly optim: Resolved<RunConfig['optim']>;
  readonly train: Omit<Resolved<RunConfig['train']>, 'threads'>;
  readonly choices: readonly Choice[];
}

/** Images up to this side are small: drawn from CIFAR-like sets, padded and cropped instead of zoomed into. */
const SMALL_SIDE = 64;

/** Chooses every "auto" by one table from the data's facts and the student (`width` of a Vision Transformer, undefined for a CNN). Our choice, all of it; each comes with its reason. */
export function chooseSettings(config: RunConfig, facts: DataFacts, width: number | undefined): Settings {
  const choices: Choice[] = [];
  const pick = <T>(key: string, given: T, value: Auto<T>, reason: string): Auto<T> => {
    if (given !== 'auto') return given as Auto<T>;
    choices.push({ key, value: value as number | string, reason });
    return value;
  };
  const { augment, optim, train } = config;
  const side = sideFor(config, facts);
  const imageSize = pick('student.imageSize', config.student.imageSize, side.size, side.reason);
  const small = imageSize <= SMALL_SIDE;
  const scale = small ? `images of ${imageSize} px are small` : `images of ${imageSize} px`;
  const batch = pick(
    'train.batch',
    train.batch,
    Math.min(small ? (facts.images < 5000 ? 25 : 50) : 16, facts.images),
    small ? `${scale}, ${facts.images} of them` : scale,
  );
  const epochs = pick('train.epochs', train.epochs, epochsFor(facts.images), `${facts.images} training images`);
  const effective = batch * train.accumulate;
  const lr = pick(
    'optim.lr',
    optim.lr,
    learningRate(optim.name, effective, width),
    `${optim.name} on a ${width === undefined ? 'CNN' : `ViT of width ${width}`}, batch ${effective}`,
  );
  return {
    imageSize,
    augment: {
      ...augment,
      crop: pick('augment.crop', augment.crop, small ? 'pad' : 'randomResized', scale),
      padding: pick(
        'augment.padding',
        augment.padding,
        Math.max(1, Math.round(imageSize / 8)),
        'an eighth of the side',
      ),
      flip: pick(
        'augment.flip',
        augment.flip,
        0.5,
        'left and right mean the same in most photos; set 0 for text and digits',
      ),
      evalCropRatio: pick('augment.evalCropRatio', augment.evalCropRatio, small ? 1 : 0.875, scale),
    },
    optim: {
      ...optim,
      lr,
      minLr: pick('optim.minLr', optim.minLr, Number((lr / 100).toPrecision(6)), 'a hundredth of optim.lr'),
      warmupEpochs: pick(
        'optim.warmupEpochs',
        optim.warmupEpochs,
        Math.min(5, epochs / 10),
        'a tenth of the epochs, at most 5',
      ),
      weightDecay: pick('optim.weightDecay', optim.weightDecay, optim.name === 'adamw' ? 0.05 : 5e-4, optim.name),
    },
    train: { ...train, batch, epochs, evalBatch: pick('train.evalBatch', train.evalBatch, small ? 100 : 16, scale) },
    choices,
  };
}

function sideFor({ student }: RunConfig, { shorterSide }: DataFacts): { size: number; reason: string } {
  const variant = VARIANTS[student.name];
  if (!variant || variant.imageSize > SMALL_SIDE)
    return { size: variant?.imageSize ?? 224, reason: `${student.name} is made for it` };
  const size = Math.min(SMALL_SIDE, Math.max(28, Math.floor(shorterSide / 4) * 4));
  return { size, reason: `the images are ${shorterSide} px and ${student.name} takes 28 to ${SMALL_SIDE}` };
}

function epochsFor(images: number): number {
  if (images >= 100_000) return 300;
  return Math.max(10, Math.min(100, Math.round(40_000 / images)));
}

/**
 * Square-root scaling in the batch. A Vision Transformer's falls with its width (as in muP, arXiv 2203.03466): 0.2 / width at
 * batch 32 trains 64 to 192 wide ones well in our measurements; a large set takes DeiT's 1e-3 at most.
 */
function learningRate(optimiser: string, batch: number, width: number | undefined): number {
  const base = optimiser === 'sgd' ? 0.05 : width === undefined ? 2.5e-3 : 0.18 / width;
  return Number(Math.min(5e-3, base * Math.sqrt(batch / (optimiser === 'sgd' ? 64 : 32))).toPrecision(2));
}
