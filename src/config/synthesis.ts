import { z } from 'zod';

const count = z.int().min(1);
const weight = z.number().min(0);

/**
 * Settings of image synthesis; the defaults are the preset `small`. Numbers are DeepInversion's for CIFAR-10 (arXiv 1912.08795)
 * unless marked. Our choice: `iterations`, `lr` and `feature`, with which a ResNet of 28 px digits and one of 64 px emoji give
 * images that a student learns from in a few minutes (docs/results.md). The authors' three are the preset `cifar10`.
 */
export const synthesisSchema = z.strictObject({
  /** Side of the images, px; "auto" is the teacher's input. */
  size: z.union([z.literal('auto'), count.max(1024)]).default('auto'),
  /** One grey value a pixel: for teachers of grey images. Our choice. */
  grey: z.boolean().default(false),
  /** Iterations on the images shrunk to half, before the others; 0 leaves them out. */
  lowIterations: z.int().min(0).default(0),
  /** 0 gives the noise that the images begin as. */
  iterations: z.int().min(0).default(150),
  lr: z.number().positive().default(0.2),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.5, 0.9]),
  epsilon: z.number().positive().default(1e-8),
  /** cosine: the rate falls to 0 over the iterations of each size (the authors' on ImageNet); constant: it stays (on CIFAR-10). */
  schedule: z.enum(['cosine', 'constant']).default('cosine'),
  /** Iterations of rising learning rate, for each of the two sizes. */
  warmup: z.int().min(0).default(0),
  /** After each iteration, pixels are put back between black and white (the authors' on ImageNet; not on CIFAR-10). */
  clip: z.boolean().default(true),
  /** Largest shift, px; half of it on the shrunk images. */
  jitter: z.int().min(0).default(2),
  /** Probability of a left-right mirror; 0 for digits and text. */
  flip: z.number().min(0).max(1).default(0.5),
  ce: weight.default(1),
  tv1: weight.default(0),
  tv2: weight.default(2.5e-5),
  l2: weight.default(0),
  /** Weight of the BatchNorm statistics. */
  feature: weight.default(1),
  /** Of the first BatchNorm, besides. */
  firstNorm: weight.default(1),
  /** Weight of the disagreement with a student (ADI); needs one. */
  adi: weight.default(0),
  /** Weight of the boundary-preserving intra-divergence. */
  bpid: weight.default(0),
  bpidVariant: z.enum(['fill', 'expand']).default('fill'),
  /** Distance that is kept from the other classes, between unit vectors. Our choice. */
  bpidMargin: weight.default(0.1),
  /** A batch holds so many classes ... */
  classesPerBatch: count.default(10),
  /** ... of so many images each. */
  imagesPerClass: count.default(10),
  seed: z.int().default(0),
  /** Rewrite preview.png after so many iterations; null never. */
  previewEvery: count.nullable().default(50),
  /** Threads inside an operator; "auto" is one a core. Several processes that share a set get more done with 1 each. */
  threads: z.union([z.literal('auto'), count]).default('auto'),
});

export type SynthesisInput = z.input<typeof synthesisSchema>;
export type SynthesisSettings = z.output<typeof synthesisSchema>;

/**
 * Presets by the size of the images, as in github.com/NVlabs/DeepInversion. `cifar10` is cifar10/deepinversion_cifar10.py with the
 * parameters of the paper: Adam as torch has it, a constant rate, nothing clipped or mirrored. `imagenet` is the ResNet-50 command.
 * Our choice: batches are classes x images, 10 x 25 where the authors draw 256 labels, and 12 x 7 where they have 42 x 2 or 84
 * drawn ones (`bpid` wants several images of a class; the statistics are then those of 12 classes at a time); the image that is
 * kept is the one of the lowest loss at the last size, as it was measured. (The authors' script for CIFAR-10 means to, and keeps
 * the last one; that for ImageNet compares over both sizes, after the update.)
 */
export const SYNTHESIS_PRESETS: Readonly<Record<string, SynthesisInput>> = {
  small: {},
  cifar10: {
    iterations: 2000,
    lr: 0.05,
    betas: [0.9, 0.999],
    schedule: 'constant',
    clip: false,
    flip: 0,
    feature: 10,
    classesPerBatch: 10,
    imagesPerClass: 25,
  },
  imagenet: {
    lowIterations: 2000,
    iterations: 1000,
    lr: 0.25,
    warmup: 100,
    jitter: 30,
    tv2: 1e-4,
    l2: 1e-5,
    feature: 0.01,
    firstNorm: 10,
    classesPerBatch: 12,
    imagesPerClass: 7,
  },
};

/** Settings that change no image. */
export const FREE_SYNTHESIS = ['previewEvery', 'threads'] as const;
