import { createHash } from 'node:crypto';
import { rmSync, statfsSync, statSync, utimesSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import { geometryOf } from '../../formats/preprocessing/geometry.ts';
import { makeFolder } from '../../formats/disk/makeFolderNode.ts';
import { attempt, cleanShards, listing } from '../../formats/disk/shardFolderNode.ts';
import { spanOf } from '../address.ts';
import type { TransformConfig } from '../augment/pipeline.ts';
import type { Pixels } from '../augment/pixels.ts';
import { addToHold, heldShards } from './diskHoldsNode.ts';
import { fileState } from '../fileStateNode.ts';
import { KEY_BYTES, type PixelRecord, PixelShardWriter, readPixelIndex, readPixels } from './pixelShardNode.ts';
import type { DiskCacheSetup } from './diskCacheSetup.ts';

/** Our choice: what checkpoints, logs and other programs may need while a run goes on. */
export const SPARE_BYTES = 1e9;

/** Our choice: shards are few and large; a kill loses the last few seconds. */
const [SHARD_BYTES, SHARD_MS] = [256 * 2 ** 20, 10_000];
/** Our choice: how often a worker looks for what others have finished. */
const LOOK_MS = 3000;
/** An unfinished shard of this age has lost its writer. */
const STALE_MS = 3_600_000;
/** Our choice: how often a shard that is read is marked as used. */
const MARK_MS = 600_000;

const NAME = /\.shard(\.tmp-[0-9a-f]{12})?$/;

/** How prepared pixels came from a file: pixels of one form are of use to all runs that want it. */
export function pixelForm(transform: TransformConfig, train: boolean): string {
  const {
    imageSize,
    filter,
    train: { crop },
  } = transform;
  if (train && crop === 'randomResized') return 'decoded';
  // "pad" and "none" leave an image of the right size as it is, whatever the ratio.
  const resized = filter === undefined || filter === 'bicubic' ? '' : ` ${filter}`;
  // The sizes themselves, and not the ratio that they come from: how it is rounded has changed once.
  return train
    ? `train ${imageSize}${resized}`
    : `evaluation ${imageSize} ${JSON.stringify(geometryOf(transform))}${resized}`;
}

/** The state of an image's file, to be asked before it is read: undefined where there is none or it is too young to be told apart. */
export function imageKey(address: string): string | undefined {
  const span = spanOf(address);
  try {
    const { state, young } = fileState(span?.container ?? address);
    if (young) return undefined;
    const place = span ? `${resolve(span.container)}\0${span.offset}\0${span.length}` : resolve(address);
    const hash = createHash('sha256').update(`${place}\0${state}`);
    return hash.digest().toString('latin1', 0, KEY_BYTES);
  } catch {
    return undefined;
  }
}

/** Free bytes on the disk of a folder, or of the nearest folder above that is there; undefined where the system does not say. */
export function freeBytes(dir: string): number | undefined {
  for (let at = resolve(dir); ; at = dirname(at))
    try {
      const { bavail, bsize } = statfsSync(at);
      return bavail * bsize;
    } catch {
      if (at === dirname(at)) return undefined;
    }
}

/** One worker's view of the images of one form. Whatever fails costs speed alone: it is told once, and nothing more is kept. */
export class DiskCache {
  readonly #setup: DiskCacheSetup;
  readonly #dir: string;
  readonly #warn: (reason: string) => void;
  readonly #used: Float64Array;
  readonly #records = new Map<string, PixelRecord>();
  readonly #seen = new Set<string>();
  /** When each shard that this worker uses was marked last. */
  readonly #marked = new Map<string, number>();
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
    if (!record) return undefined;
    try {
      const pixels = readPixels(record);
      this.#mark(record.shard.path);
      return pixels;
    } catch {
      // Damaged, or cleaned away: decoded anew, and kept anew.
      this.#records.delete(key);
      return undefined;
    }
  }

  /** The shard that has an image, as far as is known. */
  pathOf(key: string): string | undefined {
    if (this.#looked === 0) this.#look();
    return this.#records.get(key)?.shard.path;
  }

  has(key: string): boolean {
    return this.pathOf(key) !== undefined;
  }

  write(key: string, image: Pixels): void {
    if (this.#stopped || this.#records.has(key)) return;
    const bytes = image.data.length + 64;
    if (!this.#hasRoom(bytes)) {
      const limit = `${(this.#setup.maxBytes / 1e9).toPrecision(3)} GB`;
      this.#stop(
        `${this.#setup.dir} is full of images that runs use now (data.cacheGB, ${limit}); the rest is decoded anew each time. Raise the limit`,
      );
      return;
    }
    try {
      this.#writer ??= this.#open();
      if (!this.#writer) return;
      this.#records.set(key, this.#writer.add(key, image));
      this.#used[0]! += bytes;
      if (this.#writer.bytes > SHARD_BYTES || Date.now() - this.#writer.opened > SHARD_MS) this.#seal();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Below the limit, if need be after cleaning away what was not used for longest; what live runs use stays. */
  #hasRoom(bytes: number): boolean {
    const { dir, maxBytes } = this.#setup;
    if (this.#used[0]! + bytes <= maxBytes) return true;
    // A tenth at once, so that this is not done for each image. Others may have written or cleaned since.
    const pending = this.#writer?.pending ?? 0;
    const limits = { maxBytes: 0.9 * maxBytes - bytes - pending, keep: heldShards(dir) };
    this.#used[0] = cleanShards(dir, limits).left + pending;
    return this.#used[0] + bytes <= maxBytes;
  }

  /** Makes what was written visible to all. */
  flush(): void {
    try {
      this.#seal();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A new shard; none, and no more from now on, where the disk is nearly full. */
  #open(): PixelShardWriter | undefined {
    const { dir, spareBytes } = this.#setup;
    makeFolder(this.#dir);
    const free = freeBytes(dir) ?? Number.POSITIVE_INFINITY;
    if (free < spareBytes) {
      this.#stop(
        `the disk of ${dir} is nearly full: ${gigabytes(free)} GB are free, and ${gigabytes(spareBytes)} GB are left to checkpoints and logs; the rest is decoded anew each time. Free space, or choose another disk (data.cacheDir)`,
      );
      return undefined;
    }
    const writer = new PixelShardWriter(this.#dir);
    this.#mark(writer.path);
    return writer;
  }

  /** Says that a shard is in use: it is held while this run lives, and among the last to be cleaned away after it. */
  #mark(shard: string): void {
    const last = this.#marked.get(shard);
    if (last !== undefined && Date.now() - last < MARK_MS) return;
    this.#marked.set(shard, Date.now());
    if (last === undefined) addToHold(this.#setup.hold, shard);
    attempt(() => utimesSync(shard, new Date(), new Date()));
  }

  #fail(error: unknown): void {
    const { dir } = this.#setup;
    const told = fileError(error, dir, 'keep decoded images in it (data.cacheDir)') as Error;
    this.#stop(told === error ? `${dir}: ${told.message}` : told.message);
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
        for (const [key, record] of readPixelIndex(path)) this.#records.set(key, record);
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

const gigabytes = (bytes: number): string => (bytes / 1e9).toPrecision(2);
