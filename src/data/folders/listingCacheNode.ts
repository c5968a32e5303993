import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isTemporary, writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import type { Layout } from '../layout.ts';
import { decodeListing, encodeListing } from './listingFileNode.ts';
import { type Listing, unchanged } from './listingNode.ts';

/** Where listings are kept. */
export interface ListingCache {
  readonly dir: string;
  /** Places with fewer images are listed anew each time. Our choice: 5000, which takes less than a tenth of a second. */
  readonly fewest?: number;
}

const FEWEST = 5000;
/** Our choice: what was not used for longest goes first. */
const MOST_FILES = 32;
/** A temporary file of this age has lost its writer. */
const STALE_MS = 3_600_000;

/**
 * What was listed at a place, if nothing that was read for it has changed: each folder, by device, number, size and both times of
 * the place that its path leads to, and each CSV file, shard or Parquet file likewise. So new, removed and renamed files and
 * folders at any depth, links that lead elsewhere and other disks mounted there are seen.
 *
 * Not seen: a file that is written anew in place, which changes no listing (who reads images looks at the files themselves: the
 * caches of decoded images and of teacher outputs know them by time, size or digest); an image's name that is a link to a file and
 * becomes one to a folder; and what a file system does not tell, one that keeps no times of folders or whose clock runs behind.
 * For those there is data.cacheListing=false.
 */
export function cachedListing({ dir }: ListingCache, place: Place): Layout | undefined {
  const path = fileOf(dir, place);
  try {
    const { witnesses, layout } = decodeListing(readFileSync(path));
    if (!unchanged(witnesses)) return undefined;
    // What is used is the last to be cleaned away.
    attempt(() => utimesSync(path, new Date(), new Date()));
    return { root: place.root, ...layout() };
  } catch {
    // None, or a damaged one, which is written anew.
    return undefined;
  }
}

/** A place that is listed. */
export interface Place {
  readonly path: string;
  /** What its paths are relative to. */
  readonly root: string;
  /** Where its Parquet files are unpacked to. */
  readonly cacheDir: string | undefined;
  /** Where to, where that cannot be written. */
  readonly spareDir?: string | undefined;
}

/**
 * Keeps a listing for later runs; any number of them may write at once. Gives the reason where the disk refuses, which costs
 * speed alone.
 */
export async function keepListing(
  { dir, fewest = FEWEST }: ListingCache,
  place: Place,
  layout: Layout,
  { witnesses }: Listing,
): Promise<string | undefined> {
  const images = layout.train.paths.length + (layout.val?.paths.length ?? 0);
  if (!witnesses || images < fewest) return undefined;
  try {
    await writeFileAtomic(fileOf(dir, place), encodeListing(layout, witnesses));
    attempt(() => clean(dir));
    return undefined;
  } catch (error) {
    return `the listing of ${place.path} is not kept for later runs: ${(error as Error).message}`;
  }
}

/** To be raised by a release that lists another set of images or notes for a place that did not change. */
const RULES = 2;

/** Other rules and other settings have a listing of their own. */
function fileOf(dir: string, { path, root, cacheDir, spareDir }: Place): string {
  const folders = [cacheDir, spareDir].map((folder) => (folder === undefined ? null : resolve(folder)));
  const key = JSON.stringify([RULES, resolve(path), resolve(root), ...folders]);
  return join(dir, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.listing`);
}

function clean(dir: string): void {
  const files = readdirSync(dir)
    .filter((name) => name.endsWith('.listing') || (name.includes('.listing.tmp-') && isTemporary(name)))
    .map((name) => ({
      path: join(dir, name),
      time: statSync(join(dir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    }));
  const [whole, temporary] = [
    files.filter(({ path }) => path.endsWith('.listing')).sort((a, b) => b.time - a.time),
    files.filter(({ path, time }) => !path.endsWith('.listing') && Date.now() - time > STALE_MS),
  ];
  for (const { path } of [...whole.slice(MOST_FILES), ...temporary]) rmSync(path, { force: true });
}

/** For what is well if it works and no matter if it does not. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // Another process was there first, or the disk is read-only.
  }
}
