import { closeSync, existsSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { UnitRows } from '../../analysis/neighbours.ts';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import { readJsonFile } from '../../formats/disk/jsonFileNode.ts';
import { makeFolder } from '../../formats/disk/makeFolderNode.ts';

/** Rows that are kept in memory between two reads: a GiB of them. Our choice. */
const HELD_BYTES = 2 ** 30;
/** A row of an image that could not be read: no embedding has it, since answers that are not finite are refused. */
export const UNREADABLE = Number.NaN;

/**
 * Embeddings on the disk while they are computed, float32 row by row in the order of the images; what is there when a command is
 * interrupted is not computed again.
 */
export class RowsFile {
  /** Rows that are there. */
  count: number;
  readonly width: number;
  readonly #path: string;
  readonly #file: number;

  private constructor(path: string, file: number, width: number, count: number) {
    [this.#path, this.#file, this.width, this.count] = [path, file, width, count];
  }

  /** Opens those in a folder where they are of the same `identity`; else it begins anew. */
  static async open(dir: string, identity: string, width: number): Promise<RowsFile> {
    const [path, about] = [join(dir, 'rows.f32'), join(dir, 'rows.json')];
    makeFolder(dir);
    const same = existsSync(path) && existsSync(about) && (await readJsonFile(about)).identity === identity;
    try {
      // What was written by somebody else goes before the note that says whose it is.
      const file = openSync(path, same ? 'r+' : 'w+');
      if (!same) await writeFileAtomic(about, `${JSON.stringify({ identity, width })}\n`);
      const count = same ? Math.floor(statSync(path).size / (4 * width)) : 0;
      ftruncateSync(file, count * 4 * width);
      return new RowsFile(path, file, width, count);
    } catch (error) {
      throw fileError(error, path, 'keep embeddings in it');
    }
  }

  append(rows: Float32Array): void {
    try {
      writeSync(this.#file, rows, 0, rows.byteLength, this.count * 4 * this.width);
    } catch (error) {
      throw fileError(error, this.#path, 'write embeddings to it');
    }
    this.count += rows.length / this.width;
  }

  read(from: number, to: number): Float32Array {
    const rows = new Float32Array((to - from) * this.width);
    try {
      readSync(this.#file, rows, 0, rows.byteLength, from * 4 * this.width);
    } catch (error) {
      throw fileError(error, this.#path, 'read embeddings of it');
    }
    return rows;
  }

  /** Places of the images that could be read. */
  readable(): Uint32Array {
    const found: number[] = [];
    for (let from = 0; from < this.count; from += READ) {
      const rows = this.read(from, Math.min(from + READ, this.count));
      for (let at = 0; at < rows.length; at += this.width)
        if (!Number.isNaN(rows[at]!)) found.push(from + at / this.width);
    }
    return Uint32Array.from(found);
  }

  close(): void {
    closeSync(this.#file);
  }
}

const READ = 4096;

/** The rows at `places` (ascending), from the `from`th to the `to`th of them. */
export function rowsAt(file: RowsFile, places: Uint32Array, from: number, to: number): Float32Array {
  if (to <= from) return new Float32Array(0);
  const [first, last] = [places[from]!, places[to - 1]!];
  const rows = file.read(first, last + 1);
  if (last - first === to - from - 1) return rows;
  const kept = new Float32Array((to - from) * file.width);
  for (let i = from; i < to; i++) {
    const at = (places[i]! - first) * file.width;
    kept.set(rows.subarray(at, at + file.width), (i - from) * file.width);
  }
  return kept;
}

/** The same as vectors of length 1; a vector of zeros stays one. */
export function unitRows(file: RowsFile, places: Uint32Array, heldBytes = HELD_BYTES): UnitRows {
  const { width } = file;
  const count = places.length;
  const read = (from: number, to: number) => normalised(rowsAt(file, places, from, to), width);
  const held = count * width * 4 <= heldBytes ? read(0, count) : undefined;
  return { count, width, read: held ? (from, to) => held.subarray(from * width, to * width) : read };
}

function normalised(rows: Float32Array, width: number): Float32Array {
  for (let at = 0; at < rows.length; at += width) {
    let squares = 0;
    for (let i = at; i < at + width; i++) squares += rows[i]! ** 2;
    const gain = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let i = at; i < at + width; i++) rows[i]! *= gain;
  }
  return rows;
}
