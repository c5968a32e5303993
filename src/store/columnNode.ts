import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { widenInto } from './kept.ts';
import { attempt } from '../formats/disk/shardFolderNode.ts';
import { DamagedShard, openShard, recordCost, type Shard, ShardWriter } from './shardNode.ts';

/** A shard is closed at this size or age; our choice. */
const SHARD_BYTES = 64 * 2 ** 20;
const SHARD_SECONDS = 300;
/** A temporary file that nobody wrote to for so long belonged to a process that was killed. */
const STALE_SECONDS = 3600;

interface Place {
  readonly shard: Pick<Shard, 'read'>;
  readonly at: number;
}

/** One feature of one teacher on one kind of view: records of equal length in float16, by image and view. */
export class Column {
  readonly #dir: string;
  readonly #bits: Uint16Array;
  readonly #places = new Map<string, Place>();
  readonly #shards = new Map<string, Shard>();
  readonly #warn: (message: string) => void;
  #writer: ShardWriter | undefined;

  /** @param length numbers of a record */
  constructor(dir: string, length: number, warn: (message: string) => void) {
    this.#dir = dir;
    this.#bits = new Uint16Array(length);
    this.#warn = warn;
    mkdirSync(dir, { recursive: true });
    for (const name of readdirSync(dir)) if (name.includes('.tmp-')) attempt(() => removeStale(join(dir, name)));
    this.refresh();
  }

  /** Opens what other processes have written since. */
  refresh(): void {
    // A clean-up may have taken the empty folder away.
    for (const name of existsSync(this.#dir) ? readdirSync(this.#dir).sort() : []) {
      const path = join(this.#dir, name);
      if (name.endsWith('.shard') && !this.#shards.has(path)) this.#open(path);
    }
  }

  get size(): number {
    return this.#places.size;
  }

  /** Bytes on the disk of one record. */
  get recordBytes(): number {
    return recordCost(this.#bits.byteLength);
  }

  /** Bytes that are still to be written for records that are there. */
  get pending(): number {
    return this.#writer?.pending ?? 0;
  }

  get paths(): readonly string[] {
    return [...this.#shards.keys()];
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  /** Writes the record to `into`; false where there is none, or what was there is damaged. */
  read(key: string, into: Float32Array): boolean {
    const place = this.#places.get(key);
    if (!place) return false;
    try {
      place.shard.read(place.at, new Uint8Array(this.#bits.buffer));
    } catch (error) {
      this.#drop(place.shard, error as Error);
      return false;
    }
    widenInto(into, this.#bits);
    return true;
  }

  /** Keeps a record, the bits of float16 numbers. */
  write(key: string, bits: Uint16Array): void {
    this.#writer ??= this.#newShard();
    const writer = this.#writer;
    const at = writer.add(key, new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength));
    this.#places.set(key, { shard: writer, at });
    const old = (Date.now() - writer.opened) / 1000 > SHARD_SECONDS;
    if (writer.bytes >= SHARD_BYTES || old) this.flush();
  }

  /** Makes what was written whole and visible to other processes. */
  flush(): void {
    const writer = this.#writer;
    if (!writer) return;
    this.#writer = undefined;
    this.#open(writer.seal());
  }

  /** Forgets what was not flushed. */
  discard(): void {
    const writer = this.#writer;
    this.#writer = undefined;
    writer?.discard();
    for (const [key, { shard }] of this.#places) if (shard === writer) this.#places.delete(key);
  }

  close(): void {
    for (const shard of this.#shards.values()) shard.close();
    this.#shards.clear();
    this.#places.clear();
  }

  #newShard(): ShardWriter {
    // A clean-up may have taken the empty folder away.
    mkdirSync(this.#dir, { recursive: true });
    return new ShardWriter(this.#dir, this.#bits.byteLength);
  }

  #open(path: string): void {
    try {
      const shard = openShard(path, this.#bits.byteLength);
      this.#shards.set(path, shard);
      shard.keys.forEach((key, at) => {
        this.#places.set(key, { shard, at });
      });
    } catch (error) {
      // Another process may have cleaned it away between the listing and here.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      if (!(error instanceof DamagedShard)) throw error;
      this.#remove(path, error.message);
    }
  }

  #drop(shard: Place['shard'], error: Error): void {
    for (const [key, place] of this.#places) if (place.shard === shard) this.#places.delete(key);
    const sealed = [...this.#shards.values()].find((one) => one === shard);
    if (!sealed) {
      this.discard();
      return;
    }
    attempt(() => sealed.close());
    this.#shards.delete(sealed.path);
    this.#remove(sealed.path, error.message);
  }

  #remove(path: string, reason: string): void {
    this.#warn(`${path}: damaged (${reason}); it is deleted and its teacher outputs are computed again`);
    attempt(() => rmSync(path, { force: true }));
  }
}

function removeStale(path: string): void {
  if ((Date.now() - statSync(path).mtimeMs) / 1000 > STALE_SECONDS) rmSync(path, { force: true });
}
