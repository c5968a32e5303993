import { createHash } from 'node:crypto';
import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeFolder } from '../formats/makeFolderNode.ts';
import { spanOf } from './address.ts';
import type { TransformConfig } from './augment/pipeline.ts';
import type { Pixels } from './augment/pixels.ts';
import { KEY_BYTES, openPixelShard, type PixelRecord, PixelShardWriter, readPixels } from './pixelShardNode.ts';

/** Decoded images on the disk, shared by workers and runs. */
export interface DiskCacheSetup {
  readonly dir: string;
  readonly maxBytes: number;
  /** Float64 [1] of the bytes in use, as all workers of a loader count them: a lost count costs a few bytes, no more. */
  readonly used: SharedArrayBuffer;
}

/** Our choice: shards are few and large; a kill loses the last few seconds. */
const [SHARD_BYTES, SHARD_MS] = [256 * 2 ** 20, 10_000];
/** Our choice: how often a worker looks for what others have finished. */
const LOOK_MS = 3000;
/** An unfinished shard of this age has lost its writer. */
const STALE_MS = 3_600_000;
/** Our choice: clocks of file systems tick in steps of up to 10 ms; a younger file could change again without a trace. */
const YOUNG_MS = 100;

const NAME = /\.shard(\.tmp-[0-9a-f]{12})?$/;

/** How prepared pixels came from a file: pixels of one form are of use to all runs that want it. */
export function pixelForm(
  { imageSize, evalCropRatio, filter, train: { crop } }: TransformConfig,
  train: boolean,
): string {
  if (train && crop === 'randomResized') return 'decoded';
  // "pad" and "none" leave an image of the right size as it is, whatever the ratio.
  const resized = filter === undefined || filter === 'bicubic' ? '' : ` ${filter}`;
  return train ? `train ${imageSize}${resized}` : `evaluation ${imageSize} ${evalCropRatio}${resized}`;
}

/** The state of an image's file, to be asked before it is read: undefined where there is none or it is too young to be told apart. */
export function imageKey(address: string): string | undefined {
  const span = spanOf(address);
  try {
    const { size, mtimeNs, ctimeNs } = statSync(span?.container ?? address, { bigint: true });
    if (Date.now() - Number(ctimeNs / 1_000_000n) < YOUNG_MS) return undefined;
    const place = span ? `${resolve(span.container)}\0${span.offset}\0${span.length}` : resolve(address);
    const hash = createHash('sha256').update(`${place}\0${size}\0${mtimeNs}\0${ctimeNs}`);
    return hash.digest().toString('latin1', 0, KEY_BYTES);
  } catch {
    return undefined;
  }
}

/** Bytes of all forms in a cache's folder. */
export function diskCacheSize(dir: string): number {
  let bytes = 0;
  for (const form of listing(dir))
    for (const name of listing(join(dir, form)))
      if (NAME.test(name))
        attempt(() => {
          bytes += statSync(join(dir, form, name)).size;
        });
  return bytes;
}

/** One worker's view of the images of one form. Whatever fails costs speed alone: it is told once, and nothing more is kept. */
export class DiskCache {
  readonly #setup: DiskCacheSetup;
  readonly #dir: string;
  readonly #warn: (reason: string) => void;
  readonly #used: Float64Array;
  readonly #records = new Map<string, PixelRecord>();
  readonly #seen = new Set<string>();
  #writer: PixelShardWriter | undefined;
  #looked = 0;
  #stopped = false;

  constructor(setup: DiskCacheSetup, form: string, warn: (reason: string) => void) {
    this.#setup = setup;
    this.#dir = join(setup.dir, createHash('sha256').update(`1 ${form}`).digest('hex').slice(0, 32));
    this.#warn = warn;
    this.#used = new Float64Array(setup.used);
  }

  read(key: string): Pixels | undefined {
    if (!this.#records.has(key) && Date.now() - this.#looked > LOOK_MS) this.#look();
    const record = this.#records.get(key);
    try {
      return record && readPixels(record);
    } catch {
      // Damaged: decoded anew, and kept anew.
      this.#records.delete(key);
      return undefined;
    }
  }

  write(key: string, image: Pixels): void {
    if (this.#stopped || this.#records.has(key)) return;
    const bytes = image.data.length + 64;
    if (this.#used[0]! + bytes > this.#setup.maxBytes) {
      const limit = `${(this.#setup.maxBytes / 1e9).toPrecision(3)} GB`;
      this.#stop(
        `${this.#setup.dir} is full (data.cacheGB, ${limit}); the rest is decoded anew each time. Raise the limit, or make room: understudy store --images --clean GB`,
      );
      return;
    }
    try {
      this.#writer ??= this.#open();
      this.#records.set(key, this.#writer.add(key, image));
      this.#used[0]! += bytes;
      if (this.#writer.bytes > SHARD_BYTES || Date.now() - this.#writer.opened > SHARD_MS) this.#seal();
    } catch (error) {
      this.#stop(`${this.#setup.dir}: ${(error as Error).message}`);
    }
  }

  /** Makes what was written visible to all. */
  flush(): void {
    try {
      this.#seal();
    } catch (error) {
      this.#stop(`${this.#setup.dir}: ${(error as Error).message}`);
    }
  }

  #open(): PixelShardWriter {
    makeFolder(this.#dir);
    return new PixelShardWriter(this.#dir);
  }

  #seal(): void {
    if (this.#writer) this.#seen.add(this.#writer.seal());
    this.#writer = undefined;
  }

  #stop(reason: string): void {
    this.#stopped = true;
    // What is whole is kept; where not even that can be written, it is dropped.
    attempt(() => this.#seal());
    attempt(() => this.#writer?.discard());
    this.#writer = undefined;
    this.#warn(`decoded images are no longer kept on the disk: ${reason}`);
  }

  /** Takes in the shards that others have finished since. */
  #look(): void {
    this.#looked = Date.now();
    for (const name of listing(this.#dir)) {
      const path = join(this.#dir, name);
      if (this.#seen.has(path)) continue;
      if (!name.endsWith('.shard')) {
        if (NAME.test(name)) attempt(() => removeStale(path));
        continue;
      }
      this.#seen.add(path);
      try {
        for (const [key, record] of openPixelShard(path)) this.#records.set(key, record);
        // Shards that are used are the last to be cleaned away.
        attempt(() => utimesSync(path, new Date(), new Date()));
      } catch {
        // It would be read in vain each time.
        attempt(() => rmSync(path));
      }
    }
  }
}

function removeStale(path: string): void {
  if (Date.now() - statSync(path).mtimeMs > STALE_MS) rmSync(path);
}

function listing(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** For what is well if it works and no matter if it does not. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // Another process was there first, or the disk is read-only.
  }
}
