import { copyFile, readdir, rename } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '../formats/disk/fileErrorNode.ts';
import { makeFolder } from '../formats/disk/makeFolderNode.ts';
import { listing } from '../formats/disk/shardFolderNode.ts';
import { checkParts, type MarkedFolder, readMark, type ShardPart } from '../formats/disk/shardMarkNode.ts';
import { UserError } from '../graph/errors.ts';

/** Where the filling of a store keeps its claims and its marks. */
export const FILLING = 'filling';

/** The file that says that a part of a filling is whole. */
export const partFile = ({ index, of }: ShardPart): string => `part-${index + 1}-of-${of}.json`;

/** The fillings of which a folder has whole parts, by the digest of what they depend on. */
export function partsIn(dir: string): MarkedFolder[] {
  const folder = join(dir, FILLING);
  return listing(folder).flatMap((what) =>
    listing(join(folder, what))
      .filter((name) => /^part-\d+-of-\d+\.json$/.test(name))
      .map((name) => ({ dir, mark: readMark(join(folder, what), name)! })),
  );
}

/**
 * Copies what several stores hold into one, which may be in use.
 * @returns the files that were copied
 * @throws UserError where a part of a filling is missing or there twice; then nothing is copied
 */
export async function mergeStores(dirs: readonly string[], out: string): Promise<number> {
  const parts = dirs.flatMap(partsIn);
  const empty = dirs.find((dir) => !parts.some((part) => part.dir === dir));
  if (empty !== undefined)
    throw new UserError(
      `${empty}: wanted a store with a part that is whole, got none. Run its store --fill --shard again until it is done`,
    );
  const works = [...new Set(parts.map(({ mark }) => mark.what))];
  for (const what of works) checkParts(parts.filter(({ mark }) => mark.what === what));
  let copied = 0;
  for (const dir of dirs)
    for (const column of listing(dir)) copied += await copyShards(join(dir, column), join(out, column));
  return copied;
}

/** A shard's name is its own, so that one which is there is the same. */
async function copyShards(from: string, to: string): Promise<number> {
  const names = (await readdir(from).catch(() => [])).filter(
    (name) => name.endsWith('.shard') && !existsSync(join(to, name)),
  );
  if (names.length > 0) makeFolder(to);
  for (const name of names) {
    const temporary = join(to, `${name}.tmp-${randomBytes(6).toString('hex')}`);
    try {
      await copyFile(join(from, name), temporary);
      await rename(temporary, join(to, name));
    } catch (error) {
      throw fileError(error, join(to, name), 'copy it');
    }
  }
  return names.length;
}
