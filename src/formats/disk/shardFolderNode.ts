import { largest } from '../../graph/lists.ts';
import { readdirSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

interface Found {
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970 of the last use. */
  readonly used: number;
}

/** Every shard (teacher outputs, decoded images) in the folders of a folder, unfinished ones as well. */
function filesOf(dir: string): Found[] {
  const found: Found[] = [];
  for (const folder of listing(dir))
    for (const name of listing(join(dir, folder))) {
      if (!/\.shard(\.tmp-[0-9a-f]{12})?$/.test(name)) continue;
      const path = join(dir, folder, name);
      attempt(() => {
        const { size, mtimeMs } = statSync(path);
        found.push({ path, bytes: size, used: mtimeMs });
      });
    }
  return found;
}

/** The names in a folder; none where it cannot be read. */
export function listing(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

const total = (files: readonly Found[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

export const shardBytes = (dir: string): number => total(filesOf(dir));

export interface CleanOptions {
  readonly maxBytes: number;
  /** Paths that stay. */
  readonly keep?: ReadonlySet<string>;
}

/** Deletes shards, the longest unused first, until they are no larger than `maxBytes`. */
export function cleanShards(
  dir: string,
  { maxBytes, keep = new Set() }: CleanOptions,
): { deleted: number; left: number } {
  const files = filesOf(dir);
  const before = total(files);
  let left = before;
  const old = files.filter(({ path }) => path.endsWith('.shard') && !keep.has(path)).sort((a, b) => a.used - b.used);
  for (const { path, bytes } of old) {
    if (left <= maxBytes) break;
    attempt(() => {
      rmSync(path);
      left -= bytes;
    });
  }
  for (const folder of listing(dir)) attempt(() => rmdirSync(join(dir, folder)));
  return { deleted: before - left, left };
}

/** For listings: bytes, shards and the last use. */
export function describeShards(dir: string): { bytes: number; shards: number; lastUse: Date | undefined } {
  const files = filesOf(dir);
  const last = largest(files.map(({ used }) => used));
  return { bytes: total(files), shards: files.length, lastUse: files.length > 0 ? new Date(last) : undefined };
}

/** For what is well if it works and no matter if it does not. */
export function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // Another process was there first, or the disk is read-only.
  }
}
