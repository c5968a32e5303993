import type { Pixels } from '../augment/pixels.ts';
import type { LoaderOptions } from './loader.ts';

/** One end of a channel: a web worker, or what it sees of who began it. */
export interface Port {
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

/** Where an image comes from: a file, an address, the bytes of a file, or RGB bytes. */
export type RowSource = Blob | string | Uint8Array | Pixels;

/** What the rows of a loader depend on. */
export type RowTask = Pick<LoaderOptions, 'transform' | 'batch' | 'train' | 'seed' | 'views' | 'teacherView'> & {
  readonly count: number;
  readonly repeats: number;
  /** Bytes of images that may be kept. */
  readonly cacheBytes: number;
  /** What messages call the images. */
  readonly name: string;
};

/** A row that is wanted. */
export interface WantedRow {
  readonly row: number;
  /** How many images of its turn cannot be read. */
  readonly skip: number;
  /** The image that it shows, and what it is called. */
  readonly index: number;
  readonly path: string;
  /** Left out where the worker has kept the image. */
  readonly source?: RowSource;
}

/** To a worker. Of one loader they are worked off in their order. */
export type RowOrder =
  | { readonly kind: 'open'; readonly loader: number; readonly task: RowTask }
  | {
      readonly kind: 'make';
      readonly loader: number;
      readonly job: number;
      readonly step: number;
      readonly teacher: boolean;
      readonly rows: readonly WantedRow[];
    }
  | { readonly kind: 'close'; readonly loader: number };

/** The rows of a job, in the order in which they were wanted. */
export interface MadeRows {
  readonly kind: 'made';
  readonly job: number;
  /** [k, 3, S, S] */
  readonly images: Float32Array;
  /** [k, 3, T, T] */
  readonly teacherImages?: Float32Array | undefined;
  /** [k]: what is wrong with an image that cannot be read; undefined where nothing is. */
  readonly faults: readonly (string | undefined)[];
  /** [k]: whether its image is kept. */
  readonly kept: readonly boolean[];
}

/** From a worker. */
export type RowAnswer =
  | { readonly kind: 'ready' }
  | MadeRows
  /** What is no fault of an image. */
  | { readonly kind: 'failed'; readonly job: number; readonly reason: string };
