import { basename, dirname, extname, join, relative } from 'node:path';
import { brief, UserError } from '../graph/errors.ts';
import { NoImageColumn } from './tables/csvColumns.ts';
import { readCsv } from './tables/csvNode.ts';
import { sortByCodePoint } from './dataset.ts';
import { holdsClassFolders, readFolderLayout } from './folders/folderNode.ts';
import { type Label, type Layout, type Part, quote } from './layout.ts';
import type { Place } from './folders/listingCacheNode.ts';
import type { Listing } from './folders/listingNode.ts';
import { unpackParquet } from './tables/parquetNode.ts';
import { type PartName, partOfFile, VAL_NAMES } from './folders/partNames.ts';
import type { Record } from './record.ts';
import { readTar, type TarReport } from './shards/tarNode.ts';

/** Kaggle's sample_submission.csv and the like. */
const SUBMISSION = /submission/i;
/** Kinds of files that a note shows. */
const SHOWN = 4;

/**
 * The images of a CSV file, a tar shard, a Parquet file, or of a folder (and its folders `data`, `train`, `val`, ...) that
 * holds such files of one kind: undefined where it holds none. Files whose name or folder has a word for a part (partNames.ts) are
 * that part: `train-00000-of-00004.parquet`, `val/0000.tar`, `dogs_test.csv`.
 */
export async function readArchives(place: Place, listing: Listing): Promise<Layout | undefined> {
  const { path, root } = place;
  const single = root !== path;
  const notes: string[] = [];
  const files = single ? [path] : await archivesIn(path, listing, notes);
  if (files.length === 0) return undefined;
  const kinds = new Set(files.map((file) => extname(file).toLowerCase()));
  if (kinds.size > 1)
    throw new UserError(
      `${path}: wanted files of one kind, got ${[...kinds].join(' and ')}. Give one file, or a folder with one kind alone`,
    );
  // A table beside class folders is about something else, or says again what the folders say.
  if (!single && kinds.has('.csv') && (await holdsClassFolders(path, listing))) {
    const names = files.map((file) => relative(root, file));
    const layout = await readFolderLayout(path, listing);
    const note = `${path}: ${quote(names)} is not read: the class folders say the classes. To use it, give the table itself`;
    return { ...layout, notes: [...(layout.notes ?? []), note] };
  }
  return readFiles(place, files, kinds.has('.csv') ? readTables : readShards, listing, notes);
}

type ReadAll = (place: Place, files: readonly string[], listing: Listing, notes: string[]) => AsyncGenerator<Found>;

/** The records of a file. */
interface Found {
  readonly file: string;
  readonly records: readonly Record[];
}

async function readFiles(
  place: Place,
  files: readonly string[],
  readAll: ReadAll,
  listing: Listing,
  notes: string[],
): Promise<Layout> {
  const single = place.root !== place.path;
  const records: Record[] = [];
  const bare = new Set<string>();
  for await (const { file, records: found } of readAll(place, files, listing, notes)) {
    const part = single ? undefined : partOf(relative(place.root, file));
    for (const record of found) {
      records.push(record.part === undefined && part !== undefined ? { ...record, part } : record);
      if (record.part === undefined && part === undefined) bare.add(file);
    }
  }
  if (records.length === 0)
    throw new UserError(
      `${place.path}: wanted images, got ${files.length} files without any${notes.length > 0 ? `. ${notes[0]!}` : ''}`,
    );
  return { ...layoutOf(place.path, place.root, records, [...bare], notes), notes };
}

/** Tables; of several, those that name no images are about something else and are left out. */
async function* readTables(
  { root }: Place,
  files: readonly string[],
  listing: Listing,
  notes: string[],
): AsyncGenerator<Found> {
  let [refusal, read]: [UserError | undefined, number] = [undefined, 0];
  for (const file of files) {
    listing.watch(file);
    try {
      yield { file, records: await readCsv(file, root, listing, (note) => notes.push(note)) };
      read++;
    } catch (error) {
      if (!(error instanceof NoImageColumn) || files.length === 1) throw error;
      refusal ??= error;
      notes.push(`${file} is not read: it has no column of images`);
    }
  }
  if (refusal && read === 0) throw refusal;
}

async function* readShards(
  place: Place,
  files: readonly string[],
  listing: Listing,
  notes: string[],
): AsyncGenerator<Found> {
  const others = new Map<string, { count: number; readonly example: string }>();
  const notRead = (ending: string, example: string) => {
    const known = others.get(ending);
    if (known) known.count++;
    else others.set(ending, { count: 1, example });
  };
  const note = (text: string) => void notes.push(text);
  for (const file of files) {
    let told = 0;
    const progress = async (samples: number) => {
      const more = samples - told;
      told = samples;
      await listing.found(more);
    };
    const records = await readShard(place, file, listing, { notRead, note, progress });
    await progress(records.length);
    yield { file, records };
  }
  const kinds = [...others].sort((a, b) => b[1].count - a[1].count);
  const shown = kinds
    .slice(0, SHOWN)
    .map(([ending, { count, example }]) => `${count} ${brief(ending)} (${brief(example, 1024)})`);
  const more = kinds.length > SHOWN ? ` and ${kinds.length - SHOWN} kinds more` : '';
  if (kinds.length > 0)
    notes.push(`${place.path}: not read beside a picture and its label (.cls, .json): ${shown.join(', ')}${more}`);
}

async function readShard(
  { root, cacheDir, spareDir }: Place,
  file: string,
  listing: Listing,
  report: TarReport,
): Promise<Record[]> {
  listing.watch(file);
  if (extname(file).toLowerCase() === '.tar') return readTar(file, root, report);
  const shard = await unpackParquet(
    file,
    cacheDir ?? join(dirname(file), '.understudy'),
    cacheDir ? undefined : spareDir,
  );
  listing.watch(shard);
  return readTar(shard, root, report);
}

/** Archives of a folder and of its folders `data`, `train`, `val`, ..., in code-point order. */
async function archivesIn(dir: string, listing: Listing, notes: string[]): Promise<string[]> {
  const { folders, archives } = await listing.top(dir);
  const found = archives.map((name) => join(dir, name));
  for (const name of folders) {
    if (name !== 'data' && partOf(name) === undefined) continue;
    const below = await listing.top(join(dir, name));
    for (const file of below.archives) found.push(join(dir, name, file));
  }
  sortByCodePoint(found);
  const forms = found.filter((file) => SUBMISSION.test(basename(file)));
  if (forms.length === found.length) return found;
  for (const file of forms) notes.push(`${file} is not read: it is a form for answers, by its name`);
  return found.filter((file) => !forms.includes(file));
}

/** The part that a word of the path's pieces names, the last piece first. */
function partOf(path: string): PartName | undefined {
  for (const piece of [basename(path, extname(path)), ...dirname(path).split(/[/\\]/)]) {
    const part = partOfFile(piece);
    if (part !== undefined) return part;
  }
  return undefined;
}

/** @param bare files with images of no part */
function layoutOf(
  place: string,
  root: string,
  records: readonly Record[],
  bare: readonly string[],
  notes: string[],
): Layout {
  const names = new Map<string | undefined, { paths: string[]; labels: Label[] }>();
  for (const { path, label, part } of records) {
    const one = names.get(part) ?? { paths: [], labels: [] };
    names.set(part, one);
    one.paths.push(path);
    one.labels.push(label);
  }
  const collect = (part: string | undefined): Part => names.get(part)!;
  if (!names.has('train')) {
    if (names.size > 1)
      throw new UserError(
        `${place}: wanted a part named train, got ${[...names.keys()].map((name) => name ?? 'images of no part').join(', ')}`,
      );
    return { root, train: collect([...names.keys()][0]) };
  }
  if (names.has(undefined))
    throw new UserError(
      `${place}: wanted a part (train or ${VAL_NAMES.join(', ')}) for every image or for none, got images without one in ${quote(bare)}. Give the file that is meant, or rename them`,
    );
  const val = VAL_NAMES.find((name) => names.has(name));
  for (const name of names.keys())
    if (name !== 'train' && name !== val)
      notes.push(
        `${place}: ${collect(name).paths.length} images of the part ${name} are left out: ${val} is for validation`,
      );
  return val ? { root, train: collect('train'), val: collect(val) } : { root, train: collect('train') };
}
