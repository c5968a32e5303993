import type { Ranks } from '../cluster/ranks.ts';
import type { ImageList } from '../data/dataset.ts';
import type { Loader, LoaderOptions } from '../data/loading/loader.ts';
import type { Engine } from '../engine/contract.ts';
import type { ColumnSpec, Outputs } from '../store/outputs.ts';
import type { Clock } from './clock.ts';
import type { RunFiles } from './files.ts';
import type { Wish } from './wish.ts';

/** Teacher outputs that a run wants kept. */
export interface OutputsTask {
  /** Null: where the platform keeps them. */
  readonly dir: string | null;
  readonly maxBytes: number;
  readonly columns: readonly ColumnSpec[];
  /** The images that they are of. */
  readonly list: ImageList;
  readonly warn: (message: string) => void;
}

/** What keeps teacher outputs from run to run. */
export interface OutputKeeper {
  open(task: OutputsTask): Promise<Outputs>;
  /** Where they are, in words. */
  where(dir: string | null): string;
}

/** Where steps are computed and their images come from. */
export interface Platform {
  readonly engine: Engine;
  readonly clock: Clock;
  /** The processes that train together; of one by itself, that one. */
  readonly ranks: Ranks;
  /** Prepared batches of images. */
  loader(options: LoaderOptions): Loader;
  /** Without one a teacher computes its outputs anew each time. */
  readonly outputs: OutputKeeper | undefined;
}

/** All that a run needs of where it runs: Node, a browser tab, memory. Everything else of a run is the same everywhere. */
export interface Host extends Platform {
  /** On what the engine computes, which may change while a run goes on: another rounds otherwise. */
  readonly computed: string;
  /** The run's folder. */
  readonly files: RunFiles;
  /** This process among those that may have written into the folder. */
  readonly writer: string;
  /** Of bytes that come in pieces, in hexadecimal. */
  sha256(pieces: Iterable<Uint8Array>): Promise<string>;
  gzip(text: string): Promise<Uint8Array>;
  gunzip(bytes: Uint8Array): Promise<string>;
  /** Whoever tells what happens is given this, to tell what the platform finds out while the run goes on. */
  listen?(note: (message: string) => void): void;
  /** The folder that relative paths are seen from, where there are such. */
  readonly folder?: string;
  /** What somebody asked of the run since the last look: each wish is told once. */
  wish?(): Promise<Wish | undefined>;
  /** Draws the page about the finished run into its folder; gives what it measured. */
  report?(): Promise<Reported>;
}

/** What is measured of a finished run. */
export interface Reported {
  /** Median milliseconds that the exported student takes for one image; undefined where none was exported. */
  readonly latencyMs: number | undefined;
}
