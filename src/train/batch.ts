import type { Engine, EngineTensor } from '../engine/contract.ts';
import type { Clock } from '../host/clock.ts';

/** A micro-batch of training images. */
export interface TrainBatch {
  /** [B,3,S,S] */
  readonly images: Float32Array;
  /** Class of each image, -1 without a label. */
  readonly labels: Int32Array;
  /** Of multilabel data the classes of each image, in place of `labels`. */
  readonly sets?: readonly (readonly number[])[];
  /** Share of its own image and label in row i; the rest is that of row B-1-i (mixup, cutmix). Left out: not mixed. */
  readonly own?: number;
  /** Which image of the list each row is, and which of its fixed views. */
  readonly indices?: Int32Array;
  readonly views?: Int32Array;
  /** [B,3,T,T]: the same images as a teacher with an input size of its own sees them. */
  readonly teacherImages?: Float32Array;
  readonly waitSeconds: number;
  release(): void;
}

/** What the host gives a step besides the state, the scalars and the noise. */
export interface StepInputs {
  readonly feeds: Readonly<Record<string, EngineTensor>>;
  readonly waitSeconds: number;
  /** Seconds that the teacher took, where there is one. */
  readonly teacherSeconds?: number;
  /** Called when the step has read them. */
  release(): void;
}

/** The teacher's features of a batch, as ports of a program. */
export type TeacherFeeds = (batch: TrainBatch) => Promise<Record<string, EngineTensor>>;

/** A batch of training images as a step takes it. */
export function batchInputs(engine: Engine, batch: TrainBatch, classes: number, imageSize: number): StepInputs {
  const { images, labels, waitSeconds, release } = batch;
  const feeds = {
    'batch.pixels': engine.tensor('float32', [labels.length, 3, imageSize, imageSize], images),
    'batch.targets': engine.tensor('float32', [labels.length, classes], targetRows(batch, classes)),
  };
  return { feeds, waitSeconds, release };
}

/** The same with what the teacher says of it. */
export async function taughtInputs(
  engine: Engine,
  clock: Clock,
  batch: TrainBatch,
  classes: number,
  imageSize: number,
  teacher: TeacherFeeds | undefined,
): Promise<StepInputs> {
  const inputs = batchInputs(engine, batch, classes, imageSize);
  if (!teacher) return inputs;
  const before = clock.elapsed();
  const features = await teacher(batch);
  const teacherSeconds = (clock.elapsed() - before) / 1000;
  return { ...inputs, feeds: { ...inputs.feeds, ...features }, teacherSeconds };
}

/** Label rows [B,K]; a row without a label is zero. */
export function oneHot(labels: Int32Array, classes: number): Float32Array {
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => {
    if (label >= 0) rows[row * classes + label] = 1;
  });
  return rows;
}

/** The label rows [B,K] of a batch, mixed as its images are: one-hot, or of multilabel data 1 for each class of the image. */
export function targetRows(
  { labels, sets, own = 1 }: Pick<TrainBatch, 'labels' | 'sets' | 'own'>,
  classes: number,
): Float32Array {
  const rows = sets ? multiHot(sets, classes) : oneHot(labels, classes);
  if (own === 1) return rows;
  const last = labels.length - 1;
  const partner = (i: number) => (last - Math.floor(i / classes)) * classes + (i % classes);
  return rows.map((x, i) => own * x + (1 - own) * rows[partner(i)]!);
}

function multiHot(sets: readonly (readonly number[])[], classes: number): Float32Array {
  const rows = new Float32Array(sets.length * classes);
  for (const [row, set] of sets.entries()) for (const k of set) rows[row * classes + k] = 1;
  return rows;
}
