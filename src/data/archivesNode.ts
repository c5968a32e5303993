import { basename, dirname, extname, join, relative } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { readCsv } from './csvNode.ts';
import { sortByCodePoint } from './dataset.ts';
import { holdsClassFolders } from './folderNode.ts';
import { type Layout, type Part, VAL_NAMES } from './layout.ts';
import type { Place } from './listingCacheNode.ts';
import type { Listing } from './listingNode.ts';
import { unpackParquet } from './parquetNode.ts';
import { readTar } from './tarNode.ts';
import type { Record } from './record.ts';

/**
 * The images of a CSV file, a tar shard, a Parquet file, or of a folder (and its folders `data`, `train`, `val`, ...) that
 * holds such files of one kind: undefined where it holds none. Files whose name or folder begins with train, or with val,
 * valid, validation, dev or test, are those parts: `train-00000-of-00004.parquet`, `val/0000.tar`.
 */
export async function readArchives(
  { path: place, root, cacheDir }: Place,
  listing: Listing,
): Promise<Layout | undefined> {
  const single = root !== place;
  const files = single ? [place] : await archivesIn(place, listing);
  if (files.length === 0) return undefined;
  const kinds = new Set(files.map((file) => extname(file).toLowerCase()));
  if (kinds.size > 1)
    throw new UserError(
      `${place}: wanted files of one kind, got ${[...kinds].join(' and ')}. Give one file, or a folder with one kind alone`,
    );
  // A table beside class folders is about something else, or says again what the folders say.
  if (!single && kinds.has('.csv') && (await holdsClassFolders(place, listing))) return undefined;
  const records: Record[] = [];
  const notes: string[] = [];
  for (const file of files) {
    const part = single ? undefined : partOf(relative(root, file));
    const found = await readFile(file, root, listing, cacheDir, notes);
    for (const record of found) records.push(record.part === undefined ? { ...record, part } : record);
    await listing.found(found.length);
  }
  if (records.length === 0) throw new UserError(`${place}: wanted images, got ${files.length} files without any`);
  return { ...layoutOf(place, root, records), notes };
}

async function readFile(
  file: string,
  root: string,
  listing: Listing,
  cacheDir: string | undefined,
  notes: string[],
): Promise<Record[]> {
  const kind = extname(file).toLowerCase();
  listing.watch(file);
  if (kind === '.csv') return readCsv(file, root, (note) => notes.push(note));
  if (kind === '.tar') return readTar(file, root);
  const shard = await unpackParquet(file, cacheDir ?? join(dirname(file), '.understudy'));
  listing.watch(shard);
  return readTar(shard, root);
}

/** Archives of a folder and of its folders `data`, `train`, `val`, ..., in code-point order. */
async function archivesIn(dir: string, listing: Listing): Promise<string[]> {
  const { folders, archives } = await listing.top(dir);
  const found = archives.map((name) => join(dir, name));
  for (const name of folders) {
    if (name !== 'data' && partOf(name) === undefined) continue;
    const below = await listing.top(join(dir, name));
    for (const file of below.archives) found.push(join(dir, name, file));
  }
  sortByCodePoint(found);
  return found;
}

/** `train`, or one of VAL_NAMES, if that is how a part of the path begins. */
function partOf(path: string): string | undefined {
  for (const piece of [basename(path), ...dirname(path).split(/[/\\]/)]) {
    const word = /^[a-z]+/.exec(piece.toLowerCase())?.[0];
    if (word === 'train' || (VAL_NAMES as readonly string[]).includes(word ?? '')) return word;
  }
  return undefined;
}

function layoutOf(place: string, root: string, records: readonly Record[]): Layout {
  const names = new Set(records.map(({ part }) => part));
  const collect = (wanted: string | undefined): Part => {
    const mine = records.filter(({ part }) => part === wanted);
    return { paths: mine.map(({ path }) => path), labels: mine.map(({ label }) => label) };
  };
  if (!names.has('train')) {
    if (names.size > 1)
      throw new UserError(
        `${place}: wanted a part named train, got ${[...names].map((name) => name ?? 'images of no part').join(', ')}`,
      );
    return { root, train: collect([...names][0]) };
  }
  const val = VAL_NAMES.find((name) => names.has(name));
  const train = names.has(undefined) ? undefined : collect('train');
  if (!train)
    throw new UserError(
      `${place}: wanted a part (train or ${VAL_NAMES.join(', ')}) for every image or for none, got images without one`,
    );
  return val ? { root, train, val: collect(val) } : { root, train };
}
