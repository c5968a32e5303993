import { readdirSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { readCsv } from './csvNode.ts';
import { compareCodePoints } from './dataset.ts';
import { holdsClassFolders, unreadable } from './folderNode.ts';
import { type Label, type Layout, type Part, VAL_NAMES } from './layout.ts';
import { unpackParquet } from './parquetNode.ts';
import { readTar } from './tarNode.ts';

/** Files that hold images, or say where they are, by the ending of their names. */
const KINDS = ['.csv', '.tar', '.parquet'] as const;
type Kind = (typeof KINDS)[number];

/** Images of one file, and to which part they belong where the file itself says so. */
export interface Record {
  readonly path: string;
  readonly label: Label;
  readonly part?: string | undefined;
}

export function isArchive(path: string): boolean {
  return KINDS.includes(extname(path).toLowerCase() as Kind);
}

/**
 * The images of a CSV file, a tar shard, a Parquet file, or of a folder (and its folders `data`, `train`, `val`, ...) that
 * holds such files of one kind: undefined where it holds none. Files whose name or folder begins with train, or with val,
 * valid, validation, dev or test, are those parts: `train-00000-of-00004.parquet`, `val/0000.tar`.
 */
export async function readArchives(place: string, cacheDir: string | undefined): Promise<Layout | undefined> {
  const single = isArchive(place);
  const root = single ? dirname(place) : place;
  const files = single ? [place] : archivesIn(place);
  if (files.length === 0) return undefined;
  const kinds = new Set(files.map((file) => extname(file).toLowerCase()));
  if (kinds.size > 1)
    throw new UserError(
      `${place}: wanted files of one kind, got ${[...kinds].join(' and ')}. Give one file, or a folder with one kind alone`,
    );
  // A table beside class folders is about something else, or says again what the folders say.
  if (!single && kinds.has('.csv') && holdsClassFolders(place)) return undefined;
  const records: Record[] = [];
  for (const file of files) {
    const part = single ? undefined : partOf(relative(root, file));
    for (const record of await readFile(file, root, cacheDir)) records.push({ ...record, part: record.part ?? part });
  }
  if (records.length === 0) throw new UserError(`${place}: wanted images, got ${files.length} files without any`);
  return layoutOf(place, root, records);
}

async function readFile(file: string, root: string, cacheDir: string | undefined): Promise<Record[]> {
  const kind = extname(file).toLowerCase() as Kind;
  if (kind === '.csv') return readCsv(file, root);
  if (kind === '.tar') return readTar(file, root);
  return unpackParquet(file, root, cacheDir ?? join(dirname(file), '.understudy'));
}

/** Archives of a folder and of its folders, in code-point order. */
function archivesIn(dir: string): string[] {
  const list = (path: string) => {
    try {
      return readdirSync(path, { withFileTypes: true }).filter(({ name }) => !name.startsWith('.'));
    } catch (error) {
      throw unreadable(path, error);
    }
  };
  const top = list(dir);
  const here = top.filter(({ name }) => isArchive(name)).map(({ name }) => join(dir, name));
  const folders = top.filter(
    (entry) => entry.isDirectory() && (entry.name === 'data' || partOf(entry.name) !== undefined),
  );
  const below = folders.flatMap(({ name }) =>
    list(join(dir, name))
      .filter((entry) => isArchive(entry.name))
      .map((entry) => join(dir, name, entry.name)),
  );
  return [...here, ...below].sort(compareCodePoints);
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
