import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Column } from './columnNode.ts';
import { narrow, widen } from './kept.ts';
import { cleanShards, shardBytes } from '../formats/disk/shardFolderNode.ts';
import { fileError } from '../formats/disk/fileErrorNode.ts';
import type { Outputs } from './outputs.ts';

/** A column with its folder's name. */
export interface AddressedColumn {
  /** As the program calls it. */
  readonly name: string;
  /** Numbers an image. */
  readonly length: number;
  /** Digest of all that its values depend on besides image and view: weights, graph, how views are made. */
  readonly address: string;
}

export interface OutputStoreOptions {
  readonly dir: string;
  readonly maxBytes: number;
  readonly columns: readonly AddressedColumn[];
  /** Identity of each image of the list, 16 bytes as latin1 text. */
  readonly images: readonly string[];
  readonly warn: (message: string) => void;
}

/**
 * What a teacher said about images and their views: content-addressed, so that runs, methods and students share it. Values are
 * float16. When the folder is full, what was not used for longest makes room; when that is not enough, nothing more is kept.
 */
export class OutputStore implements Outputs {
  readonly #options: OutputStoreOptions;
  readonly #columns: ReadonlyMap<string, Column>;
  #bytes: number;
  #full = false;

  constructor(options: OutputStoreOptions) {
    this.#options = options;
    try {
      this.#columns = new Map(
        options.columns.map(({ name, length, address }) => [
          name,
          new Column(join(options.dir, address), length, options.warn),
        ]),
      );
      this.#bytes = shardBytes(options.dir);
    } catch (error) {
      throw fileError(error, options.dir, 'keep teacher outputs in it (teacher.store.dir)');
    }
  }

  get address(): string {
    return addressOf(...this.#options.columns.map(({ address }) => address));
  }

  read(name: string, image: number, view: number, into: Float32Array): boolean {
    return this.#columns.get(name)!.read(this.#key(image, view), into);
  }

  /** Keeps values and gives them back as they will be read. */
  write(name: string, image: number, view: number, values: Float32Array): Float32Array {
    const bits = narrow(values);
    const kept = widen(bits);
    const column = this.#columns.get(name)!;
    if (this.#full || !this.#hasRoom(column.recordBytes)) return kept;
    try {
      column.write(this.#key(image, view), bits);
      this.#bytes += column.recordBytes;
    } catch (error) {
      this.#stop(error);
    }
    return kept;
  }

  /** What is there of `images` x `views` records of all columns, and what the rest will take. */
  forecast(images: Iterable<number>, views: number): { readonly stored: number; readonly bytes: number } {
    let [stored, bytes, total] = [0, 0, 0];
    for (const image of images)
      for (let view = 0; view < views; view++)
        for (const column of this.#columns.values()) {
          total++;
          if (column.has(this.#key(image, view))) stored++;
          else bytes += column.recordBytes;
        }
    return { stored: total === 0 ? 1 : stored / total, bytes };
  }

  flush(): void {
    try {
      for (const column of this.#columns.values()) column.flush();
    } catch (error) {
      this.#stop(error);
    }
  }

  refresh(): void {
    try {
      for (const column of this.#columns.values()) column.refresh();
    } catch (error) {
      throw fileError(error, this.#options.dir, 'look for teacher outputs in it (teacher.store.dir)');
    }
  }

  close(): void {
    this.flush();
    for (const column of this.#columns.values()) column.close();
  }

  #hasRoom(bytes: number): boolean {
    const { dir, maxBytes } = this.#options;
    if (this.#bytes + bytes <= maxBytes) return true;
    const columns = [...this.#columns.values()];
    const inUse = new Set(columns.flatMap((column) => column.paths));
    const pending = columns.reduce((sum, column) => sum + column.pending, 0);
    // A tenth at once, so that this is not done for each record.
    this.#bytes = cleanShards(dir, { maxBytes: 0.9 * maxBytes - bytes - pending, keep: inUse }).left + pending;
    if (this.#bytes + bytes <= maxBytes) return true;
    this.#full = true;
    this.flush();
    const limit = `${(maxBytes / 1e9).toPrecision(3)} GB`;
    this.#options.warn(
      `teacher outputs: ${dir} is full (teacher.store.maxGB, ${limit}); the rest is computed anew each time. Raise the limit, or lower data.views`,
    );
    return false;
  }

  #stop(error: unknown): void {
    const { dir } = this.#options;
    const told = fileError(error, dir, 'keep teacher outputs in it (teacher.store.dir)') as Error;
    const reason = told === error ? `${dir}: ${told.message}` : told.message;
    this.#full = true;
    for (const column of this.#columns.values()) column.discard();
    this.#options.warn(`teacher outputs are no longer kept: ${reason}`);
  }

  #key(image: number, view: number): string {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(view);
    return this.#options.images[image]! + number.toString('latin1');
  }
}

/** The folder of a column. */
export function addressOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 32);
}
