import type { RunConfig } from '../../../config/schema.ts';
import { addressIn, spanOf } from '../../../data/address.ts';
import type { RunData } from '../../datasets/runData.ts';

/** By one of these; all but the KL are shares, 0 to 1. */
export interface BestStep {
  readonly step: number;
  readonly top1?: number;
  /** Of multilabel data. */
  readonly map?: number;
  readonly teacherAgreement?: number;
  /** Without labels, from a teacher of several classes an image: mean KL(teacher || student) of a class's yes or no, in nats. */
  readonly teacherKl?: number;
  /** Of a student without a classifier: the loss on held-out images. */
  readonly heldOutLoss?: number;
}

/** What a student costs whoever uses it; methods may change it. */
export interface StudentCost {
  readonly parameters: number;
  /** Multiply-accumulates of one image. */
  readonly macs: number;
  /** Median milliseconds of one image by its ONNX file on this machine's CPU, where a report measured it. */
  readonly latencyMs?: number;
}

/** How a run ended. */
export interface RunResult {
  readonly out: string;
  readonly reason: 'done' | 'interrupted';
  readonly steps: number;
  /** Metrics of the last evaluation, by full name: `val/top1`, `val_ema/top1`, ... */
  readonly last: Readonly<Record<string, number>>;
  /** The best evaluation: by top-1, of multilabel data by mAP, of images without labels by agreement with the teacher (of a multilabel one: KL), of a student without a classifier by its loss. */
  readonly best: BestStep | null;
  readonly seconds: number;
  /** Null where the run was interrupted before it had one. */
  readonly student: StudentCost | null;
  /** Where its validation images come from (`data.valDir` or `data.dir`). */
  readonly data: string | readonly string[];
  /** One of them; absent where they lie in shards. */
  readonly image?: string;
}

/** The images that a run is judged by, and one to try it on. */
export function judgedBy(config: RunConfig, { val }: RunData): Pick<RunResult, 'data' | 'image'> {
  const first = val.paths[0] === undefined ? undefined : addressIn(val.root, val.paths[0]);
  const image = first === undefined || spanOf(first) ? {} : { image: first };
  return { data: config.data.valDir ?? config.data.dir, ...image };
}

/** What a checkpoint's best metric is; `classes` are the student's. */
export function bestStep(
  { step, metric }: { readonly step: number; readonly metric: number },
  { labelled, multilabel }: { readonly labelled: boolean; readonly multilabel: boolean },
  classes: number,
): BestStep {
  if (classes === 0) return { step, heldOutLoss: -metric };
  if (multilabel) return labelled ? { step, map: metric } : { step, teacherKl: -metric };
  return labelled ? { step, top1: metric } : { step, teacherAgreement: metric };
}
