import { z } from 'zod';

const METRICS = [
  'val/top1',
  'val/top5',
  'val/map',
  'val/micro_f1',
  'val/teacher_agreement',
  'val/neighbour_agreement',
  'val/knn_top1',
  'val/probe_top1',
  'val_ema/top1',
  'val_ema/top5',
  'val_ema/map',
  'val_ema/teacher_agreement',
] as const;

/** Sets of images that a study can obtain. */
export const prepared = z.enum(['mnist', 'emoji', 'emojiThird', 'fashion', 'handSigns']);

const settings = z.record(z.string(), z.unknown());
const plain = z.union([z.number(), z.string(), z.boolean()]);

/** One value of an axis: a label and the settings that it stands for. */
const labelled = z.strictObject({
  label: z.string().min(1),
  set: settings,
  /** Where it should be against the baseline, by what is known before the study: a paper's claim. Said of it in the table. */
  expect: z.enum(['above', 'below']).optional(),
  /** The label of this axis that it is compared with; default: the baseline. Training alone for as long, for one. */
  against: z.string().min(1).optional(),
  /** Values of one line are joined in a figure of the metric over processor time: a method at several budgets. */
  line: z.string().min(1).optional(),
});

export const studySchema = z.strictObject({
  name: z.string().min(1),
  /** Folder of the study; default: runs/<name>. */
  out: z.string().min(1).optional(),
  /** Writes the images of `base.data.dir` first, if they are not there; or of several sets, each with its folder. */
  prepare: z.union([prepared, z.partialRecord(prepared, z.string().min(1))]).optional(),
  /** What all runs share: any part of a run's configuration, nested or with dotted keys. */
  base: settings,
  /** Runs that are made first, once; `$name` in base and axes stands for the folder of one. `data.dir` is base's where missing. */
  teachers: z.record(z.string().regex(/^[A-Za-z0-9_-]+$/), settings).default({}),
  /** Images that are made from a teacher of the study (`understudy synthesize`), once; `$name` in `data.dir` stands for the folder of a set. */
  images: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]+$/),
      z.strictObject({
        teacher: z.string(),
        student: z.string().optional(),
        images: z.int().min(1),
        settings: settings.default({}),
        /** A set for each `train.seed`, made from that seed: what a difference between runs is then has the sets' own chance in it. */
        perSeed: z.literal(true).optional(),
      }),
    )
    .default({}),
  /** The runs are the product of the axes: values with a label, or plain values where the axis is a dotted key. */
  axes: z.record(z.string(), z.array(z.union([labelled, plain])).min(1)),
  /** The label, of one axis, that the others are compared with. */
  baseline: plain.optional(),
  /** What is compared: a metric of the last evaluation; default: val/top1, or val/teacher_agreement of images without labels. */
  metric: z.enum(METRICS).optional(),
});

export type StudyInput = z.input<typeof studySchema>;
export type StudyFile = z.output<typeof studySchema>;
