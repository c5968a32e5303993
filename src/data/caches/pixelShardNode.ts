import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Pixels } from '../augment/pixels.ts';

/**
 * A shard of decoded images: magic, the pixels of many images, an index (for each: key, width, height, offset, digest) and a
 * trailer: digest of the index, number of images, magic. It is written under a temporary name and renamed when whole, and never
 * changes then, so any number of workers and runs may write to a folder at once.
 */
const MAGIC = Buffer.from('UPIXEL1\n', 'latin1');
export const KEY_BYTES = 16;
const DIGEST_BYTES = 8;
const ENTRY_BYTES = KEY_BYTES + 4 + 4 + 8 + DIGEST_BYTES;
const TRAILER_BYTES = DIGEST_BYTES + 4 + MAGIC.length;

/** Opened when the first of its images is read: most shards of a folder may be other data sets'. */
export interface ShardFile {
  readonly path: string;
  file?: number;
}

export interface PixelRecord {
  readonly shard: ShardFile;
  readonly offset: number;
  readonly width: number;
  readonly height: number;
  readonly digest: string;
  /** Its pixels were read once and are those that were written. */
  whole?: true;
}

const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest().subarray(0, DIGEST_BYTES);

/** What is in a shard, by key as latin1 text. Throws where it is cut or not what was written. */
export function readPixelIndex(path: string): Map<string, PixelRecord> {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const trailer = readAt(file, size - TRAILER_BYTES, TRAILER_BYTES);
    const count = trailer.readUInt32LE(DIGEST_BYTES);
    if (!trailer.subarray(DIGEST_BYTES + 4).equals(MAGIC)) throw new Error('its end is missing');
    const index = readAt(file, size - TRAILER_BYTES - count * ENTRY_BYTES, count * ENTRY_BYTES);
    if (!digestOf(index).equals(trailer.subarray(0, DIGEST_BYTES))) throw new Error('its index is damaged');
    const records = new Map<string, PixelRecord>();
    const shard = { path };
    for (let at = 0; at < index.length; at += ENTRY_BYTES) {
      const rest = index.subarray(at + KEY_BYTES, at + ENTRY_BYTES);
      const [width, height] = [rest.readUInt32LE(0), rest.readUInt32LE(4)];
      const [offset, digest] = [rest.readDoubleLE(8), rest.toString('latin1', 16)];
      records.set(index.toString('latin1', at, at + KEY_BYTES), { shard, offset, width, height, digest });
    }
    return records;
  } finally {
    closeSync(file);
  }
}

/**
 * The pixels of a record. Throws where they are not those that were written, or the shard is gone. The digest is taken at the first
 * reading alone: it takes longer than all else of a reading.
 */
export function readPixels(record: PixelRecord): Pixels {
  const { shard, offset, width, height, digest } = record;
  shard.file ??= openSync(shard.path, 'r');
  const data = readAt(shard.file, offset, width * height * 3);
  if (!record.whole && digestOf(data).toString('latin1') !== digest) throw new Error('its pixels are damaged');
  record.whole = true;
  return { data, width, height };
}

function readAt(file: number, position: number, length: number): Buffer {
  if (position < 0) throw new Error('it is cut');
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const got = readSync(file, bytes, done, length - done, position + done);
    if (got === 0) throw new Error('it is cut');
    done += got;
  }
  return bytes;
}

/** A shard that is being written. */
export class PixelShardWriter {
  readonly path: string;
  readonly #temporary: string;
  readonly #file: number;
  readonly #shard: ShardFile;
  readonly #index: Buffer[] = [];
  readonly opened = Date.now();
  #end = MAGIC.length;

  constructor(dir: string) {
    this.path = join(dir, `${Date.now().toString(36)}-${randomBytes(6).toString('hex')}.shard`);
    this.#temporary = `${this.path}.tmp-${randomBytes(6).toString('hex')}`;
    this.#file = openSync(this.#temporary, 'wx+');
    this.#shard = { path: this.path, file: this.#file };
    writeAt(this.#file, MAGIC, 0);
  }

  get bytes(): number {
    return this.#end;
  }

  /** What `seal` adds. */
  get pending(): number {
    return this.#index.length * ENTRY_BYTES + TRAILER_BYTES;
  }

  /** Adds an image; it can be read at once, also after `seal`. */
  add(key: string, { data, width, height }: Pixels): PixelRecord {
    const [offset, digest] = [this.#end, digestOf(data)];
    writeAt(this.#file, data, offset);
    this.#end += data.length;
    const numbers = Buffer.alloc(16);
    numbers.writeUInt32LE(width, 0);
    numbers.writeUInt32LE(height, 4);
    numbers.writeDoubleLE(offset, 8);
    this.#index.push(Buffer.concat([Buffer.from(key, 'latin1'), numbers, digest]));
    return { shard: this.#shard, offset, width, height, digest: digest.toString('latin1') };
  }

  /** Makes the shard whole and visible; gives its path. */
  seal(): string {
    const index = Buffer.concat(this.#index);
    const count = Buffer.alloc(4);
    count.writeUInt32LE(this.#index.length);
    writeAt(this.#file, Buffer.concat([index, digestOf(index), count, MAGIC]), this.#end);
    fsyncSync(this.#file);
    renameSync(this.#temporary, this.path);
    return this.path;
  }

  /** Drops the shard's name; what is in it can be read on. */
  discard(): void {
    rmSync(this.#temporary, { force: true });
  }
}

function writeAt(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, position + done);
}
