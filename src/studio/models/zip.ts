import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Zip, ZipPassThrough } from 'fflate';
import { UserError } from '../../graph/errors.ts';

/** Sizes and places have 32 bits in a zip that every program opens. */
const MOST_BYTES = 2 ** 32 - 2 ** 20;

export interface ZipFile {
  /** In the zip. */
  readonly path: string;
  /** On the disk. */
  readonly file: string;
}

/**
 * Files as a zip, piece by piece as they are read: it is nowhere in memory. They are stored as they are, since weights hardly become
 * smaller.
 * @throws UserError where they are larger than 4 GB together.
 */
export async function zipped(files: readonly ZipFile[]): Promise<AsyncGenerator<Uint8Array>> {
  const found = await Promise.all(files.map(async (one) => ({ ...one, ...(await sizeAndTime(one.file)) })));
  const bytes = found.reduce((sum, { size }) => sum + size, 0);
  if (bytes > MOST_BYTES)
    throw new UserError(`wanted files of at most 4 GB for a zip, got ${(bytes / 1e9).toFixed(1)} GB: copy the folder`);
  return pieces(found);
}

const sizeAndTime = async (file: string) => {
  const { size, mtime } = await stat(file);
  return { size, mtime };
};

async function* pieces(
  files: readonly (ZipFile & { readonly mtime: Date })[],
): AsyncGenerator<Uint8Array, void, undefined> {
  let made: Uint8Array[] = [];
  const zip = new Zip((error, piece) => {
    if (error) throw error;
    made.push(piece);
  });
  const taken = () => {
    const all = made;
    made = [];
    return all;
  };
  for (const { path, file, mtime } of files) {
    const entry = new ZipPassThrough(path);
    entry.mtime = mtime;
    zip.add(entry);
    for await (const piece of createReadStream(file)) {
      entry.push(piece as Buffer);
      yield* taken();
    }
    entry.push(new Uint8Array(0), true);
    yield* taken();
  }
  zip.end();
  yield* taken();
}
