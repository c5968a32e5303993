import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { attempt } from '../formats/disk/shardFolderNode.ts';

/**
 * A shard: many records of one length in one file that never changes. Magic, the records, an index (for each record its key and a
 * digest), and a trailer: digest of the index, number of records, bytes a record, magic. It is written under a temporary name and
 * renamed when whole, so any number of processes may write to a folder at once, and a kill loses one unfinished shard.
 */
const MAGIC = Buffer.from('USTORE1\n', 'latin1');
export const KEY_BYTES = 20;
const DIGEST_BYTES = 8;
const INDEX_BYTES = KEY_BYTES + DIGEST_BYTES;
const TRAILER_BYTES = DIGEST_BYTES + 8 + MAGIC.length;
/** What a record of so many bytes needs on the disk. */
export const recordCost = (bytes: number): number => bytes + INDEX_BYTES;

const digestOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest().subarray(0, DIGEST_BYTES);

/** Something in a shard is not what was written. */
export class DamagedShard extends Error {}

export interface Shard {
  readonly path: string;
  /** Keys as latin1 text, in the order of the records. */
  readonly keys: readonly string[];
  /** @throws DamagedShard if the bytes are not those that were written. */
  read(at: number, into: Uint8Array): void;
  close(): void;
}

/** @throws DamagedShard if the file is cut, is no shard, or holds records of another length. */
export function openShard(path: string, recordBytes: number): Shard {
  const file = openSync(path, 'r');
  try {
    const { index, count } = readIndex(file, recordBytes);
    const now = new Date();
    // Shards that are used are the last to be cleaned away. On a read-only disk nothing is.
    attempt(() => utimesSync(path, now, now));
    return {
      path,
      keys: Array.from({ length: count }, (_, i) =>
        index.toString('latin1', i * INDEX_BYTES, i * INDEX_BYTES + KEY_BYTES),
      ),
      read: (at, into) => {
        readWhole(file, into, MAGIC.length + at * recordBytes);
        const wanted = index.subarray(at * INDEX_BYTES + KEY_BYTES, (at + 1) * INDEX_BYTES);
        if (!digestOf(into).equals(wanted)) throw new DamagedShard(`record ${at} is not what was written`);
      },
      close: () => closeSync(file),
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function readIndex(file: number, recordBytes: number): { index: Buffer; count: number } {
  const { size } = fstatSync(file);
  if (size < MAGIC.length + TRAILER_BYTES) throw new DamagedShard(`only ${size} bytes`);
  const trailer = Buffer.alloc(TRAILER_BYTES);
  readWhole(file, trailer, size - TRAILER_BYTES);
  if (!trailer.subarray(DIGEST_BYTES + 8).equals(MAGIC)) throw new DamagedShard('its end is missing');
  const [count, bytes] = [trailer.readUInt32LE(DIGEST_BYTES), trailer.readUInt32LE(DIGEST_BYTES + 4)];
  const indexAt = MAGIC.length + count * recordBytes;
  if (bytes !== recordBytes) throw new DamagedShard(`records of ${bytes} bytes, wanted ${recordBytes}`);
  if (size !== indexAt + count * INDEX_BYTES + TRAILER_BYTES)
    throw new DamagedShard(`${size} bytes do not fit ${count} records`);
  const index = Buffer.alloc(count * INDEX_BYTES);
  readWhole(file, index, indexAt);
  if (!digestOf(index).equals(trailer.subarray(0, DIGEST_BYTES))) throw new DamagedShard('its index is damaged');
  return { index, count };
}

function readWhole(file: number, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.length; ) {
    const got = readSync(file, into, done, into.length - done, position + done);
    if (got === 0) throw new DamagedShard('it ends too early');
    done += got;
  }
}

/** A shard that is being written; its records can be read back at once. */
export class ShardWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: number;
  readonly #recordBytes: number;
  readonly #index: Buffer[] = [];
  readonly opened = Date.now();

  constructor(dir: string, recordBytes: number) {
    const name = `${Date.now().toString(36)}-${randomBytes(6).toString('hex')}.shard`;
    this.#path = join(dir, name);
    this.#temporary = `${this.#path}.tmp-${randomBytes(6).toString('hex')}`;
    this.#recordBytes = recordBytes;
    this.#file = openSync(this.#temporary, 'wx+');
    writeSync(this.#file, MAGIC);
  }

  get bytes(): number {
    return this.#index.length * recordCost(this.#recordBytes);
  }

  /** What `seal` will still write. */
  get pending(): number {
    return this.#index.length * INDEX_BYTES + TRAILER_BYTES;
  }

  /** Adds a record; gives its place. */
  add(key: string, record: Uint8Array): number {
    const at = this.#index.length;
    writeWhole(this.#file, record, MAGIC.length + at * this.#recordBytes);
    this.#index.push(Buffer.concat([Buffer.from(key, 'latin1'), digestOf(record)]));
    return at;
  }

  read(at: number, into: Uint8Array): void {
    readWhole(this.#file, into, MAGIC.length + at * this.#recordBytes);
  }

  /** Makes the shard whole and visible; gives its path. */
  seal(): string {
    const index = Buffer.concat(this.#index);
    const trailer = Buffer.alloc(TRAILER_BYTES);
    digestOf(index).copy(trailer);
    trailer.writeUInt32LE(this.#index.length, DIGEST_BYTES);
    trailer.writeUInt32LE(this.#recordBytes, DIGEST_BYTES + 4);
    MAGIC.copy(trailer, DIGEST_BYTES + 8);
    writeWhole(this.#file, Buffer.concat([index, trailer]), MAGIC.length + this.#index.length * this.#recordBytes);
    fsyncSync(this.#file);
    closeSync(this.#file);
    renameSync(this.#temporary, this.#path);
    return this.#path;
  }

  /** Drops the shard. */
  discard(): void {
    attempt(() => closeSync(this.#file));
    attempt(() => rmSync(this.#temporary, { force: true }));
  }
}

function writeWhole(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, position + done);
}
