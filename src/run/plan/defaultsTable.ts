import { VARIANTS } from '../../models/index.ts';

/** What the automatic settings are chosen from. */
export interface DataFacts {
  /** Training images. */
  readonly images: number;
  readonly classes: number;
  /** Median shorter side of some of the images, px. */
  readonly shorterSide: number;
}

/** All that a rule may look at; settings that a user gives stand here in the place of the table's. */
export interface Situation extends DataFacts {
  readonly student: string;
  /** Of a Vision Transformer; undefined for a CNN. */
  readonly width: number | undefined;
  readonly optimiser: 'adamw' | 'sgd' | 'lamb' | 'muon';
  /** The run's method, or the sum of several: vitkd+nkd. */
  readonly method: string;
  /** Whether a method of the run takes labels of one class only, so that batches cannot be mixed. */
  readonly integerLabels: boolean;
  /** A new head on the weights of another model, which labels alone teach. */
  readonly newHead: boolean;
  /** Whether the student starts from a model (`--init`). */
  readonly started: boolean;
  readonly imageSize: number;
  /** Images to an update. */
  readonly batch: number;
  readonly epochs: number;
  readonly lr: number;
}

/** One line of the table: the first whose condition holds is taken. */
export interface Rule {
  readonly when: string;
  readonly holds: (s: Situation) => boolean;
  /** The value in words or as a formula, for the printed table. */
  readonly shown: string;
  readonly value: (s: Situation) => number | string;
  /** Said at the start of a run. */
  readonly reason: (s: Situation) => string;
}

/** Images up to this side are small: drawn from CIFAR-like sets, padded and cropped instead of zoomed into. */
export const SMALL_SIDE = 64;
const LARGE_SET = 100_000;
const MANY_CLASSES = 100;

const small = ({ imageSize }: Situation): boolean => imageSize <= SMALL_SIDE;
const size = (s: Situation): string => `images of ${s.imageSize} px${small(s) ? ' are small' : ''}`;
const always = (): boolean => true;
const clamp = (low: number, x: number, high: number): number => Math.max(low, Math.min(high, x));
const variantSide = ({ student }: Situation): number | undefined => VARIANTS[student]?.imageSize;
const network = ({ width }: Situation): string => (width === undefined ? 'a CNN' : `a ViT of width ${width}`);
const scaled = (base: number, reference: number, { batch }: Situation, most = 5e-3): number =>
  Number(Math.min(most, base * Math.sqrt(batch / reference)).toPrecision(2));
const lrReason = (s: Situation): string => `${s.optimiser} on ${network(s)}, batch ${s.batch}`;
const imagesReason = ({ images }: Situation): string => `${images} training images`;

/**
 * Every "auto" number and what it becomes. Our choice, all of it: measured on small sets on a CPU, and the papers' values where a set
 * is large. `understudy list defaults` prints it.
 */
export const DEFAULTS = {
  'student.imageSize': [
    {
      when: `a model for more than ${SMALL_SIDE} px`,
      holds: (s) => (variantSide(s) ?? 224) > SMALL_SIDE,
      shown: "the model's",
      value: (s) => variantSide(s) ?? 224,
      reason: ({ student }) => `${student} is made for it`,
    },
    {
      when: 'else',
      holds: always,
      shown: `the images' median shorter side, a multiple of 4 in 28..${SMALL_SIDE}`,
      value: ({ shorterSide }) => clamp(28, Math.floor(shorterSide / 4) * 4, SMALL_SIDE),
      reason: (s) => `the images are ${s.shorterSide} px and ${s.student} takes 28 to ${SMALL_SIDE}`,
    },
  ],
  'train.batch': [
    {
      when: `up to ${SMALL_SIDE} px, fewer than 5000 images`,
      holds: (s) => small(s) && s.images < 5000,
      shown: '25, at most all images',
      value: ({ images }) => Math.min(25, images),
      reason: (s) => `${size(s)}, ${s.images} of them`,
    },
    {
      when: `up to ${SMALL_SIDE} px`,
      holds: small,
      shown: '50',
      value: () => 50,
      reason: (s) => `${size(s)}, ${s.images} of them`,
    },
    {
      when: 'else',
      holds: always,
      shown: '16, at most all images',
      value: ({ images }) => Math.min(16, images),
      reason: size,
    },
  ],
  'train.epochs': [
    {
      when: 'from 100,000 images on',
      holds: ({ images }) => images >= LARGE_SET,
      shown: '300 (the papers)',
      value: () => 300,
      reason: imagesReason,
    },
    {
      when: `more than ${MANY_CLASSES} classes`,
      holds: ({ classes }) => classes > MANY_CLASSES,
      shown: '40,000 / images, within 30..100',
      value: ({ images }) => clamp(30, Math.round(40_000 / images), 100),
      reason: (s) => `${imagesReason(s)} of ${s.classes} classes`,
    },
    {
      when: 'else',
      holds: always,
      shown: '40,000 / images, within 10..100',
      value: ({ images }) => clamp(10, Math.round(40_000 / images), 100),
      reason: imagesReason,
    },
  ],
  'augment.preset': [
    {
      when: 'from 100,000 images on, a ViT, a method that takes mixed labels',
      holds: (s) => s.images >= LARGE_SET && s.width !== undefined && !s.integerLabels,
      shown: 'deit',
      value: () => 'deit',
      reason: (s) => `${imagesReason(s)}: a ViT that sees them 300 times needs the full recipe`,
    },
    {
      when: 'else',
      holds: always,
      shown: 'light',
      value: () => 'light',
      reason: (s) => `${imagesReason(s)}: a short run gains nothing from more; deit for long ones`,
    },
  ],
  'augment.crop': [
    { when: `up to ${SMALL_SIDE} px`, holds: small, shown: 'pad', value: () => 'pad', reason: size },
    { when: 'else', holds: always, shown: 'randomResized', value: () => 'randomResized', reason: size },
  ],
  'augment.padding': [
    {
      when: 'always',
      holds: always,
      shown: 'an eighth of the side',
      value: ({ imageSize }) => Math.max(1, Math.round(imageSize / 8)),
      reason: () => 'an eighth of the side',
    },
  ],
  'augment.evalCropRatio': [
    { when: `up to ${SMALL_SIDE} px`, holds: small, shown: '1', value: () => 1, reason: size },
    { when: 'else', holds: always, shown: '0.875', value: () => 0.875, reason: size },
  ],
  // Measured at equal processor time where the small ones begin: docs/results.md. Weights that AdamW trained are best trained on by it
  // (arXiv 2502.16982), and on large models an epoch is dearer by a quarter where the batch is small.
  'optim.name': [
    {
      when: 'a small Vision Transformer (vit_*_patch4) that starts from nothing',
      holds: ({ student, started }) => !started && /^vit_.*_patch4$/.test(student),
      shown: 'muon',
      value: () => 'muon',
      reason: ({ student }) => `${student} from nothing`,
    },
    { when: 'else', holds: always, shown: 'adamw', value: () => 'adamw', reason: ({ student }) => student },
  ],
  // A Vision Transformer's rate falls with its width (as in muP, arXiv 2203.03466): 0.2 / width at batch 32 trains 64 to 192 wide ones
  // well in our measurements. The square root of the batch, at most 5e-3.
  'optim.lr': [
    {
      when: 'sgd',
      holds: ({ optimiser }) => optimiser === 'sgd',
      shown: '0.05 sqrt(batch / 64), at most 0.005',
      value: (s) => scaled(0.05, 64, s),
      reason: lrReason,
    },
    {
      when: 'lamb',
      holds: ({ optimiser }) => optimiser === 'lamb',
      shown: '0.004 sqrt(batch / 2048) (DeiT III-S), at most 0.005',
      value: (s) => scaled(4e-3, 2048, s),
      reason: lrReason,
    },
    {
      when: 'adamw or muon, a CNN',
      holds: ({ width }) => width === undefined,
      shown: '0.0025 sqrt(batch / 32), at most 0.005',
      value: (s) => scaled(2.5e-3, 32, s),
      reason: lrReason,
    },
    // Twice the rate of the others was better on 600 and 6,000 images of Fashion-MNIST and on hand signs, and on 60,000 not told from
    // it (docs/results.md, which learning rate).
    {
      when: 'muon, dearkd',
      holds: ({ optimiser, method, width }) =>
        optimiser === 'muon' && width !== undefined && method.split('+').includes('dearkd'),
      shown: '0.36 / width sqrt(batch / 32), at most 0.01',
      value: (s) => scaled(0.36 / s.width!, 32, s, 0.01),
      reason: (s) => `${lrReason(s)}, ${s.method}`,
    },
    {
      when: 'adamw or muon, a ViT',
      holds: always,
      shown: '0.18 / width sqrt(batch / 32), at most 0.005',
      value: (s) => scaled(0.18 / s.width!, 32, s),
      reason: lrReason,
    },
  ],
  'optim.minLr': [
    {
      when: 'always',
      holds: always,
      shown: 'optim.lr / 100',
      value: ({ lr }) => Number((lr / 100).toPrecision(6)),
      reason: () => 'a hundredth of optim.lr',
    },
  ],
  'optim.warmupEpochs': [
    {
      when: 'always',
      holds: always,
      shown: 'a tenth of the epochs, at most 5',
      value: ({ epochs }) => Math.min(5, epochs / 10),
      reason: () => 'a tenth of the epochs, at most 5',
    },
  ],
  'optim.weightDecay': [
    {
      when: 'sgd',
      holds: ({ optimiser }) => optimiser === 'sgd',
      shown: '0.0005',
      value: () => 5e-4,
      reason: ({ optimiser }) => optimiser,
    },
    { when: 'else', holds: always, shown: '0.05', value: () => 0.05, reason: ({ optimiser }) => optimiser },
  ],
  // As LP-FT does (arXiv 2202.10054): the new head first, so that a random one does not spoil the features.
  'train.linearProbe': [
    {
      when: 'train --init with other classes, 2 epochs or more',
      holds: ({ newHead, epochs }) => newHead && epochs > 1,
      shown: 'a fifth of the epochs',
      value: () => 0.2,
      reason: () => 'a new head: it is trained alone first',
    },
    { when: 'else', holds: always, shown: '0', value: () => 0, reason: ({ epochs }) => `${epochs} epoch` },
  ],
  'train.evalBatch': [
    { when: `up to ${SMALL_SIDE} px`, holds: small, shown: '100', value: () => 100, reason: size },
    { when: 'else', holds: always, shown: '16', value: () => 16, reason: size },
  ],
} as const satisfies Readonly<Record<string, readonly Rule[]>>;

export type DefaultKey = keyof typeof DEFAULTS;

/** What the first rule of a setting that holds says. */
export function defaultOf(key: DefaultKey, situation: Situation): { value: number | string; reason: string } {
  const rules: readonly Rule[] = DEFAULTS[key];
  const rule = rules.find(({ holds }) => holds(situation))!;
  return { value: rule.value(situation), reason: rule.reason(situation) };
}
