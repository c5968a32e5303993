import type { MixConfig } from '../augment/mix.ts';
import type { TransformConfig } from '../augment/pipeline.ts';
import type { ImageList } from '../dataset.ts';
import type { TeacherView, ViewOptions } from './loaderShared.ts';
import type { Position, Share } from './sampler.ts';

export interface LoaderOptions {
  readonly list: ImageList;
  readonly transform: TransformConfig;
  /** Rows in a batch. */
  readonly batch: number;
  /** true: shuffled, augmented, whole batches, without end. false: in order, one pass, the last batch padded. */
  readonly train: boolean;
  readonly seed: number;
  /** Worker threads; default: one less than the cores, 1 to 8. */
  readonly workers?: number;
  /** Batches prepared ahead; default 3. */
  readonly prefetch?: number;
  /** Part of the list that may be unreadable before the run fails; default 0.01. */
  readonly maxBadFraction?: number;
  /** Seconds that one image may take to decode; one that takes longer counts as unreadable. Default: 30. */
  readonly imageSeconds?: number;
  /** Told of each unreadable image, once, why it is skipped; the reason names it. */
  readonly onBad?: ((reason: string) => void) | undefined;
  /** Memory for decoded images, in MiB; default 512; 0 for none. The batches are the same with any value. */
  readonly cacheMB?: number;
  /** Keeps decoded images on the disk too, for later runs and for what memory has no room for; default: none. Null: in the platform's own place. */
  readonly disk?: { readonly dir: string | null; readonly maxBytes: number; readonly spareBytes?: number } | undefined;
  /** Told once of what costs speed: a full disk, say. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Mixes training batches (mixup, cutmix); default: none. */
  readonly mix?: MixConfig;
  /** Repeated augmentation: rows in a row that show the same training image; default 1. */
  readonly repeats?: number;
  /** In training: fixed views of each image. */
  readonly views?: ViewOptions;
  /** In training: each image a second time, from the same crop and mirroring. */
  readonly teacherView?: TeacherView;
}

export interface LoadedBatch extends Position {
  /** [B, 3, S, S], row by row; zeros where `valid` is 0. Ordinary memory: onnxruntime-node refuses shared memory. */
  readonly images: Float32Array;
  /** [B]; -1 for an unlabelled image, 0 in padding rows. */
  readonly labels: Int32Array;
  /** [B], into the list; -1 in padding rows. In training the index of the image shown, also where it replaces another. */
  readonly indices: Int32Array;
  /** Of multilabel data the classes of each row's image; none in padding rows. */
  readonly sets?: readonly (readonly number[])[];
  /** [B], 1 or 0. In evaluation padding rows and unreadable images are 0; in training all are 1. */
  readonly valid: Uint8Array;
  /** [B]: which view of its image a row is; 0 where views are not fixed. */
  readonly views: Int32Array;
  /** [B, 3, T, T], where a teacher view was asked for; mixed as `images`. */
  readonly teacherImages?: Float32Array;
  /** Rows with `valid` 1. */
  readonly count: number;
  /** Share of its own image and label in a row; the rest is that of row B-1-i (mixup, cutmix). 1: not mixed. */
  readonly own: number;
  /** Seconds that the caller waited for this batch. */
  readonly waitSeconds: number;
  /** Give the arrays back; they are overwritten by a later batch. A second call does nothing. */
  release(): void;
}

export interface Loader {
  readonly stepsPerEpoch: number;
  /** Unreadable images found so far: path -> reason. */
  readonly bad: ReadonlyMap<string, string>;
  /**
   * Batches from a position on; training goes on over epochs until the caller stops, evaluation ends after the epoch.
   * A new call ends the stream before it. Rejects with UserError when too many images are unreadable and with the
   * worker's error when one crashes. Of a share of them, the others are not loaded; it begins where a multiple of its steps does.
   */
  batches(from?: Position, share?: Share): AsyncGenerator<LoadedBatch, void, void>;
  /** Whether the teacher's view is made, from the next call of `batches` on; its rows are stale where it is not. Default: true. */
  showTeacher(wanted: boolean): void;
  /** End all workers. A batch being waited for is rejected. */
  close(): Promise<void>;
}
