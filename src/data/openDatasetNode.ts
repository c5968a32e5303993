import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { readArchives } from './archivesNode.ts';
import {
  type Amount,
  compareCodePoints,
  type Dataset,
  type ImageList,
  sortByCodePoint,
  splitList,
  subset,
} from './dataset.ts';
import { readFolderLayout } from './folders/folderNode.ts';
import { isArchiveName } from './images/imageNames.ts';
import {
  classesOf,
  classNames,
  isMultilabel,
  joinLayouts,
  type Label,
  type Layout,
  layouts,
  type Part,
  quote,
} from './layout.ts';
import { cachedListing, keepListing, type ListingCache, type Place } from './folders/listingCacheNode.ts';
import { Listing, type OnListing, unreadable } from './folders/listingNode.ts';
import { showPlaces } from './places.ts';

export interface OpenOptions {
  /** Part of each class that becomes `val` when the data does not say; default 0.1. */
  readonly valFraction?: number;
  readonly seed: number;
  /** Keep at most this many images of `train` and as many of `val` (stratified, seeded). */
  readonly limit?: number;
  /** Where images of Parquet files are unpacked to; default: a folder `.understudy` beside each file. */
  readonly cacheDir?: string;
  /** Where to, where there is no `cacheDir` and nothing can be written beside the file. */
  readonly spareDir?: string;
  /** Where listings of large places are kept for later runs; default: nowhere. */
  readonly listings?: ListingCache | undefined;
  readonly onListing?: OnListing | undefined;
}

/** Our choice: to sort and split so many takes a moment, and of ten millions a minute, so it is told. */
const MANY = 100_000;

/**
 * The images at `places`: a folder of class folders or of images, a CSV file, tar shards (WebDataset) or Parquet files
 * (Hugging Face), or a folder of such files. Several places are one data set; classes are the same by name. Without a
 * validation part the split is seeded and stratified.
 * @throws UserError where there is no usable data set.
 */
export async function openDataset(places: string | readonly string[], options: OpenOptions): Promise<Dataset> {
  const valFraction = options.valFraction ?? 0.1;
  if (!(valFraction >= 0 && valFraction < 1))
    throw new UserError(`openDataset: valFraction: wanted a number from 0 up to 1, got ${valFraction}`);
  const list = typeof places === 'string' ? [places] : places;
  const read: { where: string; layout: Layout }[] = [];
  for (const where of list) read.push({ where, layout: await readLayout(where, options) });
  const layout = joinLayouts(read);
  const count = layout.train.paths.length + (layout.val?.paths.length ?? 0);
  if (count >= MANY) options.onListing?.({ type: 'note', message: `sorting and splitting ${count} images` });
  const found = datasetOf(showPlaces(places), layout, valFraction, options.seed);
  if (options.limit === undefined) return found;
  const amount: Amount = { count: options.limit };
  const [train, val] = [subset(found.train, amount, options.seed), subset(found.val, amount, options.seed)];
  return { ...found, train, val };
}

async function readLayout(path: string, { cacheDir, spareDir, listings, onListing }: OpenOptions): Promise<Layout> {
  const folder = isFolder(path);
  if (!folder && !isArchiveName(path))
    throw new UserError(
      `${path}: wanted a folder of images, or a .csv, .tar or .parquet file; got another file. Give the folder that holds ${layouts}`,
    );
  const place: Place = { path, root: folder ? path : dirname(path), cacheDir, spareDir };
  const kept = listings && cachedListing(listings, place);
  if (kept) return kept;
  const listing = new Listing(path, onListing);
  const layout = await withLeftOut(listing, () => readPlace(place, listing));
  listing.end();
  const refused = listings && (await keepListing(listings, place, layout, listing));
  if (refused !== undefined) onListing?.({ type: 'note', message: refused });
  return layout;
}

async function readPlace(place: Place, listing: Listing): Promise<Layout> {
  return (await readArchives(place, listing)) ?? (await readFolderLayout(place.path, listing));
}

/** What is read, and with it which files were not looked at: in a refusal too, which may be because of them. */
async function withLeftOut(listing: Listing, read: () => Promise<Layout>): Promise<Layout> {
  try {
    const layout = await read();
    const left = listing.leftOut();
    return left === undefined ? layout : { ...layout, notes: [...(layout.notes ?? []), left] };
  } catch (error) {
    const left = error instanceof UserError ? listing.leftOut() : undefined;
    throw left === undefined ? error : new UserError(`${(error as Error).message}. ${left}`, { cause: error });
  }
}

function datasetOf(where: string, layout: Layout, valFraction: number, seed: number): Dataset {
  const { classes, index, notes: merged } = namedClasses(where, classNames(where, layout.train));
  const said = [...(layout.notes ?? []), ...merged];
  if (classes.length === 1)
    throw new UserError(
      `One class only: ${where}: wanted two classes or more, got ${quote(classes)}. Images of one class teach nothing; distil without labels, or add the other classes`,
    );
  const several = isMultilabel([layout.train, layout.val]);
  const train = listOf(layout.root, layout.train, index, several);
  const part = layout.val && labelledVal(where, layout.val, classes, several, said);
  const notes = said.length > 0 ? { notes: said } : {};
  if (!part) return { classes, ...splitList(train, valFraction, seed), splitSource: 'seeded', ...notes };
  const names = new Set(part.labels.flatMap((label) => classesOf(label) as string[]));
  const unknown = [...names].filter((name) => !index.has(name.normalize('NFC')));
  if (unknown.length > 0)
    throw new UserError(
      `${where}: wanted only classes of the training part in the validation part, got ${quote(unknown)} besides ${quote(classes)}. Rename or delete these images, or add the classes to the training images`,
    );
  for (const name of names) index.set(name, index.get(name.normalize('NFC'))!);
  return { classes, train, val: listOf(layout.root, part, index, several), splitSource: 'folders', ...notes };
}

/**
 * The classes in code-point order, and the number of each name as it is written. An accented letter is one code or two (Unicode's
 * NFC and NFD): a disk of a Macintosh has two, most else has one, and both are the same name.
 */
function namedClasses(where: string, written: ReadonlySet<string>) {
  const classes = [...new Set([...written].map((name) => name.normalize('NFC')))];
  sortByCodePoint(classes);
  const index = new Map(classes.map((name, i) => [name, i]));
  const counted = new Set<string>();
  const twice = [...written].filter((name) => counted.size === counted.add(name.normalize('NFC')).size);
  for (const name of written) index.set(name, index.get(name.normalize('NFC'))!);
  const notes = twice.length === 0 ? [] : [`${where}: ${quote(twice)} stands there in two forms of Unicode, one class`];
  return { classes, index, notes };
}

/** The validation part where its images have classes; a test set without is left out, and told. */
function labelledVal(
  where: string,
  part: Part,
  classes: readonly string[],
  several: boolean,
  notes: string[],
): Part | undefined {
  const without = part.labels.filter((label) => label === undefined).length;
  if (without === 0 || classes.length === 0) return part;
  if (without === part.labels.length) {
    notes.push(`${where}: ${without} images of the validation or test part have no classes and are left out`);
    return undefined;
  }
  const remedy = several
    ? 'Name the column of their file labels: an empty cell is then an image of no class'
    : 'Add their classes, or delete their rows';
  throw new UserError(`${where}: wanted classes for the validation images, got ${without} images without. ${remedy}`);
}

/** In code-point order of the addresses. */
function listOf(
  root: string,
  { paths, labels }: Part,
  index: ReadonlyMap<string, number>,
  several: boolean,
): ImageList {
  const order = Uint32Array.from(paths, (_, i) => i);
  if (!inOrder(paths)) order.sort(orderOf(paths));
  const one = (label: Label) => (several ? undefined : index.get(classesOf(label)[0]!)) ?? -1;
  const all = (label: Label) =>
    classesOf(label)
      .map((name) => index.get(name)!)
      .sort((a, b) => a - b);
  return {
    root,
    paths: Array.from(order, (i) => paths[i]!),
    labels: Int32Array.from(order, (i) => one(labels[i])),
    ...(several && { sets: Array.from(order, (i) => all(labels[i])) }),
  };
}

/** JavaScript's own comparison, which is several times as fast, is by code point too where no character takes two units. */
function orderOf(paths: readonly string[]): (a: number, b: number) => number {
  if (paths.some((path) => /[\ud800-\udfff]/.test(path))) return (a, b) => compareCodePoints(paths[a]!, paths[b]!);
  return (a, b) => (paths[a]! < paths[b]! ? -1 : paths[a]! > paths[b]! ? 1 : 0);
}

function inOrder(paths: readonly string[]): boolean {
  for (let i = 1; i < paths.length; i++) if (compareCodePoints(paths[i - 1]!, paths[i]!) > 0) return false;
  return true;
}

function isFolder(path: string): boolean {
  let stats: ReturnType<typeof statSync>;
  try {
    stats = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw unreadable(path, error);
  }
  if (!stats) throw new UserError(`${path}: wanted a folder of images, got nothing there. Check the path`);
  return stats.isDirectory();
}
