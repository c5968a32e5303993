import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { readArchives } from './archivesNode.ts';
import { type Amount, compareCodePoints, type Dataset, type ImageList, splitList, subset } from './dataset.ts';
import { layouts, quote, readFolderLayout } from './folderNode.ts';
import { isArchiveName } from './imageNames.ts';
import { classesOf, classNames, isMultilabel, joinLayouts, type Label, type Layout, type Part } from './layout.ts';
import { cachedListing, keepListing, type ListingCache } from './listingCacheNode.ts';
import { Listing, type OnListing, unreadable } from './listingNode.ts';

export interface OpenOptions {
  /** Part of each class that becomes `val` when the data does not say; default 0.1. */
  readonly valFraction?: number;
  readonly seed: number;
  /** Keep at most this many images of `train` and as many of `val` (stratified, seeded). */
  readonly limit?: number;
  /** Where images of Parquet files are unpacked to; default: a folder `.understudy` beside each file. */
  readonly cacheDir?: string;
  /** Where listings of large places are kept for later runs; default: nowhere. */
  readonly listings?: ListingCache | undefined;
  readonly onListing?: OnListing | undefined;
}

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
  const found = datasetOf(showPlaces(places), joinLayouts(read), valFraction, options.seed);
  if (options.limit === undefined) return found;
  const amount: Amount = { count: options.limit };
  const [train, val] = [subset(found.train, amount, options.seed), subset(found.val, amount, options.seed)];
  return { ...found, train, val };
}

/** The places of a data set in words. */
export function showPlaces(places: string | readonly string[]): string {
  return typeof places === 'string' ? places : places.join(', ');
}

async function readLayout(path: string, { cacheDir, listings, onListing }: OpenOptions): Promise<Layout> {
  const folder = isFolder(path);
  if (!folder && !isArchiveName(path))
    throw new UserError(
      `${path}: wanted a folder of images, or a .csv, .tar or .parquet file; got another file. Give the folder that holds ${layouts}`,
    );
  const place = { path, root: folder ? path : dirname(path), cacheDir };
  const kept = listings && cachedListing(listings, place);
  if (kept) return kept;
  const listing = new Listing(path, onListing);
  const layout = (await readArchives(place, listing)) ?? (await readFolderLayout(path, listing));
  listing.end();
  const refused = listings && (await keepListing(listings, place, layout, listing));
  if (refused !== undefined) onListing?.({ type: 'note', message: refused });
  return layout;
}

function datasetOf(where: string, layout: Layout, valFraction: number, seed: number): Dataset {
  const classes = classNames(where, layout.train);
  if (classes.length === 1)
    throw new UserError(
      `One class only: ${where}: wanted two classes or more, got ${quote(classes)}. Images of one class teach nothing; distil without labels, or add the other classes`,
    );
  const index = new Map(classes.map((name, i) => [name, i]));
  const several = isMultilabel([layout.train, layout.val]);
  const train = listOf(layout.root, layout.train, index, several);
  const notes = layout.notes?.length ? { notes: layout.notes } : {};
  if (!layout.val) return { classes, ...splitList(train, valFraction, seed), splitSource: 'seeded', ...notes };
  const unlabelled = layout.val.labels.filter((label) => label === undefined).length;
  if (several && unlabelled > 0)
    throw new UserError(
      `${where}: wanted classes for the validation images, got ${unlabelled} images without. Name the column of their file labels: an empty cell is then an image of no class`,
    );
  const unknown = [...new Set(layout.val.labels.flatMap(classesOf))].filter((name) => !index.has(name));
  if (unknown.length > 0)
    throw new UserError(
      `${where}: wanted only classes of the training part in the validation part, got ${quote(unknown)} besides ${quote(classes)}. Rename or delete these images, or add the classes to the training images`,
    );
  return { classes, train, val: listOf(layout.root, layout.val, index, several), splitSource: 'folders', ...notes };
}

/** In code-point order of the addresses. */
function listOf(
  root: string,
  { paths, labels }: Part,
  index: ReadonlyMap<string, number>,
  several: boolean,
): ImageList {
  const order = Uint32Array.from(paths, (_, i) => i);
  if (!inOrder(paths)) order.sort((a, b) => compareCodePoints(paths[a]!, paths[b]!));
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
