import { z } from 'zod';
import { WIRES } from '../cluster/wire.ts';
import { MOST_IMAGE_SIZE } from '../models/limits.ts';
import { MOST_NORMAL } from '../formats/preprocessing/preprocessorValues.ts';
import { weightsSchema } from './weightsSchema.ts';

const auto = z.literal('auto');
const count = z.int().min(1);
const rate = z.number().min(0).max(1);
/** Two numbers, the first not above the second. */
const range = (end: z.ZodNumber) =>
  z.tuple([end, end]).refine(([low, high]) => low <= high, 'wanted [low, high] with low not above high');
/** Of pixels from 0 to 1, by channel. */
const mean = z.tuple([rate, rate, rate]);
const deviation = z
  .number()
  .min(1 / MOST_NORMAL)
  .max(MOST_NORMAL);
const std = z.tuple([deviation, deviation, deviation]);

export const dataSchema = z.strictObject({
  /** A folder of class folders, with or without train/ and val/; a CSV file, tar shard or Parquet file, or a folder of such; or several of these. */
  dir: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
  /** Part of the training images that is used, stratified and nested: the 10 % are among the 25 %. */
  fraction: z.number().positive().max(1).default(1),
  /** Or a number of training images. */
  images: count.nullable().default(null),
  /** Another folder's images to validate on, for reporting alone: all images of `dir` train, and no checkpoint is chosen by these. */
  valDir: z.string().min(1).nullable().default(null),
  /** ignore: the training images teach without their labels, as a folder without class folders does; the classes are those of `valDir`, else the teacher's. */
  labels: z.enum(['use', 'ignore']).default('use'),
  /** Part that becomes the validation set where the folder has none. */
  valFraction: z.number().positive().lt(1).default(0.1),
  /** Part of the training images that validates in place of the validation images: to choose by the one and judge by the other. */
  innerFraction: z.number().positive().lt(1).nullable().default(null),
  /** Half of the validation images, each class in proportion: to choose by the one half and report the other. */
  valHalf: z.enum(['choose', 'report']).nullable().default(null),
  /** The split and the subset depend on this seed alone, so that all seeds of a study see the same data. */
  splitSeed: z.int().default(0),
  workers: z.union([auto, count]).default('auto'),
  /**
   * Where decoded images are kept, so that later epochs do not decode them again. memory: up to cacheMB, for this run. disk: in memory
   * and, up to cacheGB, in a folder that all runs share. "auto": memory.
   */
  cache: z.union([auto, z.enum(['memory', 'disk', 'none'])]).default('auto'),
  cacheMB: z.number().min(0).default(512),
  cacheGB: z.number().positive().default(20),
  /** Folder of cache=disk; null: the cache folder of the user. */
  cacheDir: z.string().min(1).nullable().default(null),
  /** Listings of large places are kept in the user's cache folder and used again where no folder has changed. */
  cacheListing: z.boolean().default(true),
  maxBadFraction: rate.default(0.01),
  /** Each image is augmented in so many fixed ways, one an epoch in turn, instead of anew each time: what `teacher.store` needs. */
  views: count.nullable().default(null),
  /** The views depend on this seed alone, so that all seeds of a study share them. */
  viewSeed: z.int().default(0),
});

/** Names of values in an ONNX file; exporters call some by numbers. */
const valueName = z.union([z.string().min(1), z.number()]).transform(String);

/** What a model that others have trained is, where no config.json and preprocessor_config.json beside it say so. */
export const describedSchema = z.strictObject({
  /**
   * Class names in the order of the logits; or a file of them (one a line, or JSON); or the data's own: "index" by code point,
   * "natural" as people count.
   */
  classes: z
    .union([z.array(z.string()).min(2), z.string().min(1)])
    .nullable()
    .default(null),
  /** Side of the input, where an .onnx file leaves it open; of weights another one than they were trained with. */
  imageSize: count.max(MOST_IMAGE_SIZE).nullable().default(null),
  mean: mean.nullable().default(null),
  std: std.nullable().default(null),
  evalCropRatio: z.number().positive().max(1).nullable().default(null),
  /** Features by the names of values in an .onnx file; "understudy inspect" lists the candidates. What is left out is found. */
  features: z
    .strictObject({
      maps: z.record(z.string(), valueName).optional(),
      tokens: z.array(valueName).min(1).optional(),
      pooled: valueName.optional(),
    })
    .default({}),
});

export type DescribedSettings = z.output<typeof describedSchema>;

export const teacherSchema = describedSchema.extend({
  /** A trained model: any reference. */
  ref: z.string().min(1),
  /** How it computes. "auto": in 8 bits where that is faster and decides like float on at least 99 % of a sample of the images. */
  precision: z.union([auto, z.enum(['int8', 'fp32'])]).default('auto'),
  /**
   * A head for the data's classes, fitted on its embedding of labelled training images, where a method reads its logits. auto: a ridge
   * regression where it has no classifier; ridge or logistic (regression): also in place of one for other classes; none: it is refused.
   */
  fitHead: z.enum(['auto', 'ridge', 'logistic', 'none']).default('auto'),
  /**
   * Which picture it answers for. augmented: what the student is shown, at its own size. original: the whole image as in evaluation,
   * once an image, so that it runs for each image once and never again; its answer then stands for all that augmentation makes of the
   * image, which is for methods that learn its logits or its embedding alone, without mixup and cutmix.
   */
  sees: z.enum(['augmented', 'original']).default('augmented'),
  /** What it answered, kept on the disk for later epochs and runs. */
  store: z
    .strictObject({
      /** "auto": where data.views is set, or with sees=original. */
      use: z.union([auto, z.boolean()]).default('auto'),
      /** Folder; null: the cache folder of the user. */
      dir: z.string().min(1).nullable().default(null),
      /** When the folder has grown beyond this, what was not used for longest goes. */
      maxGB: z.number().positive().default(20),
    })
    .prefault({}),
});

export const augmentSchema = z.strictObject({
  /** What "auto" stands for in the keys below; keys that are given win over it. */
  preset: z.union([auto, z.enum(['none', 'light', 'deit', 'deit3', 'vitkd'])]).default('auto'),
  crop: z.union([auto, z.enum(['randomResized', 'pad', 'none'])]).default('auto'),
  scale: range(z.number().positive().max(1)).default([0.08, 1]),
  ratio: range(z.number().positive()).default([3 / 4, 4 / 3]),
  padding: z.union([auto, z.int().min(0)]).default('auto'),
  flip: z.union([auto, rate]).default('auto'),
  /** How a randomResized crop is brought to size; random: bilinear or bicubic for each image. */
  interpolation: z.union([auto, z.enum(['fast', 'bicubic', 'bilinear', 'random'])]).default('auto'),
  /** timm's text, such as rand-m9-mstd0.5-inc1; null: none. */
  randAugment: z.union([auto, z.string(), z.null()]).default('auto'),
  /** Grey, solarised or blurred (DeiT III). */
  threeAugment: z.union([auto, z.boolean()]).default('auto'),
  /** Strength of brightness, contrast and saturation. Idle beside randAugment, as in timm. */
  colourJitter: z.union([auto, rate]).default('auto'),
  /** Probability of random erasing by noise. */
  erase: z.union([auto, rate]).default('auto'),
  /** alpha of mixup and of cutmix; 0: none. */
  mixup: z.union([auto, z.number().min(0).max(100)]).default('auto'),
  cutmix: z.union([auto, z.number().min(0).max(100)]).default('auto'),
  /** Share of the batches that are mixed, and cutmix' share of those where both are on. */
  mixProbability: z.union([auto, rate]).default('auto'),
  mixSwitch: z.union([auto, rate]).default('auto'),
  /** Repeated augmentation: so many augmented copies of an image in a batch. */
  repeats: z.union([auto, count.max(100)]).default('auto'),
  evalCropRatio: z.union([auto, z.number().positive().max(1)]).default('auto'),
  /** How pixels of 0 to 1 are normalised; auto: as the model that the student starts from has them, else as ImageNet's usually are. */
  mean: z.union([auto, mean]).default('auto'),
  std: z.union([auto, std]).default('auto'),
});

export const optimSchema = z.strictObject({
  name: z.union([auto, z.enum(['adamw', 'sgd', 'lamb', 'muon'])]).default('auto'),
  lr: z.union([auto, z.number().positive()]).default('auto'),
  minLr: z.union([auto, z.number().min(0)]).default('auto'),
  warmupLr: z.number().min(0).default(1e-6),
  warmupEpochs: z.union([auto, z.number().min(0)]).default('auto'),
  schedule: z.enum(['cosine', 'step', 'constant']).default('cosine'),
  /**
   * Of the schedule cosine: what it is laid over. rest: the epochs after the warm-up (Our choice of default); all: all epochs,
   * the warm-up cutting its beginning off, as in DeiT's and mmcv's code.
   */
  cosineOver: z.enum(['rest', 'all']).default('rest'),
  /** Of the schedule step: every so many epochs the rate is multiplied by stepGamma. */
  stepEpochs: z.number().positive().default(30),
  stepGamma: z.number().positive().max(1).default(0.1),
  betas: z.tuple([rate, rate]).default([0.9, 0.999]),
  epsilon: z.number().positive().default(1e-8),
  momentum: rate.default(0.9),
  nesterov: z.boolean().default(true),
  weightDecay: z.union([auto, z.number().min(0)]).default('auto'),
  /** Largest global norm of the gradient; null leaves it alone. */
  clipNorm: z.number().positive().nullable().default(null),
  /** A layer's learning rate is this times that of the layer above it; null: all alike. */
  layerDecay: z.number().positive().max(1).nullable().default(null),
});

export const trainSchema = z.strictObject({
  /** 2.5: the last one is half of one. */
  epochs: z.union([auto, z.number().min(1)]).default('auto'),
  /** Time for the whole run (90s, 30m, 2h): the number of epochs is chosen by measured speed, where epochs is auto. */
  budget: z
    .string()
    .regex(/^\d+(\.\d+)?[smhd]$/, 'a time such as 90s, 30m or 2h')
    .nullable()
    .default(null),
  batch: z.union([auto, count]).default('auto'),
  /** Micro-batches to an update: the effective batch is batch x accumulate. */
  accumulate: count.default(1),
  /**
   * Micro-batches of an update that are computed beside each other, each on its share of the cores, for the memory of so many;
   * the bits are those of one lane with as many threads. At most `accumulate`; not on WebGPU. A stage with batch normalisation
   * takes one after the other.
   */
  lanes: count.default(1),
  /**
   * How gradients travel between ranks: as they are, or in fp16 with a power of two for each 1,024 neighbours, for half of the bytes. Then
   * each micro-batch's gradient and their sum are rounded, by one process too: the bits are others than those of fp32, and the same on any
   * number of ranks.
   */
  wire: z.enum(WIRES).default('fp32'),
  /**
   * Share of the epochs, at the start, that train the new head of `student.init` alone, the network below it frozen and in
   * evaluation mode; 1: a linear probe and no more; 0: none. "auto": where a head is new and the labels alone teach.
   */
  linearProbe: z.union([auto, rate]).default('auto'),
  /** Decay of the exponential moving average of the weights; null keeps none. */
  ema: z.number().min(0).lt(1).nullable().default(null),
  seed: z.int().default(0),
  /** Evaluate after so many epochs (and after the last). */
  evalEvery: count.default(1),
  evalBatch: z.union([auto, count]).default('auto'),
  /** Ends the run after so many evaluations that did not better the best one. */
  earlyStop: z
    .strictObject({ patience: count, metric: z.string().default('val/top1') })
    .nullable()
    .default(null),
  /** Save at least so often, in seconds; every evaluation saves too. */
  checkpointSeconds: z.number().positive().default(300),
  /** Tell each loss term's share of the gradient every so many steps, besides the tenth of a stage; null: only then. */
  ledgerEvery: count.nullable().default(null),
  /** Measure how far the student's attention heads look at the evaluations of every so many epochs; null: never. */
  attentionDistanceEvery: count.nullable().default(null),
  /**
   * Of a student without a classifier, on images with labels: how well a kNN and a linear classifier read its embedding is measured at
   * the evaluations of every so many epochs, and at the last one; null: only then.
   */
  knnEvery: count.nullable().default(null),
  threads: z.union([auto, count]).default('auto'),
});

export const modelSchema = z.strictObject({
  /** A variant's name, see `understudy list models`. */
  name: z.string().min(1),
  imageSize: z.union([auto, count.max(MOST_IMAGE_SIZE)]).default('auto'),
  /** Weights to start from: a run folder or an exported folder. */
  init: z.string().nullable().default(null),
  /** The head begins as a ridge or logistic regression on the embedding of `init`, in place of a random one and of a linear probe. */
  fitHead: z.enum(['none', 'ridge', 'logistic']).default('none'),
  /** Settings of the architecture that replace the variant's. */
  settings: z.record(z.string(), z.unknown()).default({}),
});

const { lr, minLr, warmupLr, warmupEpochs, schedule, cosineOver, weightDecay, clipNorm } = optimSchema.shape;

/** A stage's own learning rate over its own steps; what is missing is that of `optim`. */
export const stageOptimSchema = z.strictObject({
  lr: lr.unwrap().optional(),
  minLr: minLr.unwrap().optional(),
  warmupLr: warmupLr.unwrap().optional(),
  warmupEpochs: warmupEpochs.unwrap().optional(),
  schedule: schedule.unwrap().optional(),
  cosineOver: cosineOver.unwrap().optional(),
  weightDecay: weightDecay.unwrap().optional(),
  clipNorm: clipNorm.unwrap().optional(),
});

export const stageSchema = z.strictObject({
  method: z.string().min(1),
  /** Share of the epochs. */
  share: z.number().positive().max(1),
  /** Side at which the student sees its images in this stage, below its own: growing resolution. Default: its own. */
  imageSize: count.optional(),
  /** head: a linear probe, as `train.linearProbe` has it. A stage that trains something else than the one before begins a new optimiser. */
  train: z.enum(['all', 'head']).default('all'),
  /** Without it, one schedule goes on over all stages. */
  optim: stageOptimSchema.optional(),
});

export const runSchema = z.strictObject({
  data: dataSchema,
  student: modelSchema,
  /** The teacher, or a REF alone. Null trains without one. */
  teacher: z
    .preprocess((given) => (typeof given === 'string' ? { ref: given } : given), teacherSchema.nullable())
    .default(null),
  method: z.string().default('supervised'),
  /** Settings of the methods by method name; a method's own defaults fill the rest. */
  methods: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  /** "auto" are the method's own stages. */
  stages: z.union([auto, z.array(stageSchema).min(1)]).default('auto'),
  augment: augmentSchema.prefault({}),
  optim: optimSchema.prefault({}),
  /** How the terms of the loss are weighed; `balanced` alone will do. */
  weights: z.preprocess((given) => (typeof given === 'string' ? { mode: given } : given), weightsSchema).prefault({}),
  train: trainSchema.prefault({}),
});

/** A preprocessed value has no type of its own. */
export type RunInput = Omit<z.input<typeof runSchema>, 'teacher' | 'weights'> & {
  weights?: 'fixed' | 'balanced' | z.input<typeof weightsSchema> | undefined;
  teacher?: string | z.input<typeof teacherSchema> | null | undefined;
};
export type RunConfig = z.output<typeof runSchema>;
export type StageOptim = z.output<typeof stageOptimSchema>;
