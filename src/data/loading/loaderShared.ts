import type { Filter } from '../../nn/resampling.ts';
import type { TransformConfig } from '../augment/pipeline.ts';
import type { ImageList } from '../dataset.ts';
import type { DiskCacheSetup } from '../caches/diskCacheSetup.ts';
import type { PixelCache } from '../caches/pixelCache.ts';
import type { Share } from './sampler.ts';

/**
 * What the loader and its workers share. Workers need nothing from the main thread between batches, which is blocked
 * while a training step runs: they draw rows from a common counter, wait for a free slot and count finished rows, all
 * by Atomics. Messages only say that it is worth looking.
 *
 * A stream of batches begins with `start`. Row t of it (t = 0, 1, ...) is row t % B of batch floor(t / B), which goes
 * to slot batch % slots; so a slot's batches follow each other in order.
 */
export interface WorkerSetup {
  readonly paths: PathTable;
  /** Int32, by image. */
  readonly labels: SharedArrayBuffer;
  /** Uint8, by image: 1 when it could not be read. */
  readonly bad: SharedArrayBuffer;
  readonly transform: TransformConfig;
  readonly batch: number;
  readonly train: boolean;
  readonly seed: number;
  /** Rows that show the same image, one after the other. */
  readonly repeats: number;
  readonly control: SharedArrayBuffer;
  /** Int32: pixels of large images in hand (imageLimits.ts). */
  readonly pixels: SharedArrayBuffer;
  readonly imageSeconds?: number | undefined;
  readonly slots: readonly SlotBuffers[];
  /** Holds two entries an image where there is a teacher view: the student's pixels, then those of all teachers' views. */
  readonly cache?: PixelCache;
  readonly disk?: DiskCacheSetup;
  readonly views?: ViewOptions;
  readonly teacherView?: TeacherView;
}

/** A fixed number of augmented forms of each image, in turn, instead of a new one each epoch. */
export interface ViewOptions {
  readonly count: number;
  readonly seed: number;
}

/** The same image once more, as a teacher wants it that has another input size or sees it as it is. */
export interface TeacherView {
  readonly imageSize: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** The student's, unless told. */
  readonly filter?: Filter | undefined;
  /** The square of evaluation, where it is shown that in place of the augmented image: the same whenever the image comes. */
  readonly original?: Pick<TransformConfig, 'evalCropRatio' | 'geometry'> | undefined;
}

/** One batch under construction; B rows each. */
export interface SlotBuffers {
  /** Float32 [B, 3, S, S]. */
  readonly images: SharedArrayBuffer;
  /** Int32 [B]. */
  readonly labels: SharedArrayBuffer;
  /** Int32 [B]: index into the list, -1 for padding. */
  readonly indices: SharedArrayBuffer;
  /** Uint8 [B]. */
  readonly valid: SharedArrayBuffer;
  /** Int32 [B]: which view of the image. */
  readonly views: SharedArrayBuffer;
  /** Float32 [B, 3, T, T]. */
  readonly teacherImages?: SharedArrayBuffer;
}

/** Int32 words of `control`; after `header` come, by slot, the rows finished and the batches taken from it. */
export const control = {
  /** Number of the current stream; workers leave a stream whose number is not this. */
  stream: 0,
  /** Next row to hand out. */
  ticket: 1,
  /** Changes whenever a waiting worker should look again. */
  signal: 2,
  /** 1 while nobody wants the teacher's view. */
  withoutTeacher: 3,
  header: 4,
  rowsDone: (slot: number) => 4 + 2 * slot,
  taken: (slot: number) => 5 + 2 * slot,
} as const;

export interface StartMessage {
  readonly stream: number;
  /** Global step of batch 0. */
  readonly firstStep: number;
  /** Batches in the stream. */
  readonly batches: number;
  /** Steps of an epoch. */
  readonly steps: number;
  /** The part of the steps that the stream has; default: all. */
  readonly share: Share | undefined;
}

export type WorkerMessage =
  | { readonly kind: 'bad'; readonly index: number; readonly reason: string }
  /** The machine gives no more: the run cannot go on. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'ready' }
  /** For people; told by each worker that finds it out. */
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'idle'; readonly stream: number };

/** Paths as UTF-8 in shared memory: a million strings copied to each worker would take gigabytes. */
export interface PathTable {
  readonly root: string;
  readonly bytes: SharedArrayBuffer;
  /** Uint32 [n + 1]. */
  readonly offsets: SharedArrayBuffer;
}

export function writePaths(list: ImageList): PathTable {
  const encoded = new TextEncoder().encode(list.paths.join(''));
  const bytes = new SharedArrayBuffer(encoded.length);
  new Uint8Array(bytes).set(encoded);
  const offsets = new SharedArrayBuffer(4 * (list.paths.length + 1));
  const view = new Uint32Array(offsets);
  for (const [i, path] of list.paths.entries()) view[i + 1] = view[i]! + utf8Length(path);
  return { root: list.root, bytes, offsets };
}

export function readPath(table: PathTable, index: number): string {
  const [from, to] = new Uint32Array(table.offsets, 4 * index, 2);
  // TextDecoder refuses shared memory, so the bytes are copied.
  return new TextDecoder().decode(new Uint8Array(table.bytes, from, to! - from!).slice());
}

function utf8Length(text: string): number {
  let length = 0;
  for (const char of text) {
    const code = char.codePointAt(0)!;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}
