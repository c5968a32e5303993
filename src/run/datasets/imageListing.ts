import { homedir } from 'node:os';
import { join } from 'node:path';
import type { OnListing } from '../../data/folders/listingNode.ts';
import type { OpenOptions } from '../../data/openDatasetNode.ts';

/** Where listings of images are kept. */
const listingFolder = (): string => join(homedir(), '.cache', 'understudy', 'listings');

/** Where Parquet files of read-only places are unpacked to. */
const unpackedFolder = (): string => join(homedir(), '.cache', 'understudy', 'unpacked');

/** How images are listed: kept for later runs unless `data.cacheListing` says otherwise. */
export function listingOptions(
  onListing: OnListing | undefined,
  cache = true,
): Pick<OpenOptions, 'listings' | 'onListing' | 'spareDir'> {
  return { onListing, spareDir: unpackedFolder(), ...(cache && { listings: { dir: listingFolder() } }) };
}
