import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { attempt, listing } from '../../formats/disk/shardFolderNode.ts';

/**
 * Which shards live runs use, so that nobody cleans them away: a file a loader in the folder of the cache, `NAME.hold`, with a line
 * `form/shard` for each. It says nothing of a process, so it also holds for runs of other machines on a shared disk.
 * Our choice: its owner renews it each minute; one that nobody renewed for ten belonged to a run that was killed.
 */
const [RENEW_MS, DEAD_MS] = [60_000, 600_000];
const SUFFIX = '.hold';

export const newHold = (dir: string): string => join(dir, `${randomBytes(6).toString('hex')}${SUFFIX}`);

/** Adds a shard. On a disk that cannot be written nothing is cleaned either. */
export function addToHold(hold: string, shard: string): void {
  attempt(() => appendFileSync(hold, `${basename(dirname(shard))}/${basename(shard)}\n`));
}

/** Renews a hold until the function that it gives is called, which ends it. */
export function renewHold(hold: string): () => void {
  const timer = setInterval(() => attempt(() => utimesSync(hold, new Date(), new Date())), RENEW_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    attempt(() => rmSync(hold, { force: true }));
  };
}

/** Paths of the shards that live runs use; what dead ones left is removed. */
export function heldShards(dir: string): Set<string> {
  const held = new Set<string>();
  for (const name of listing(dir)) {
    if (!name.endsWith(SUFFIX)) continue;
    const path = join(dir, name);
    attempt(() => {
      if (Date.now() - statSync(path).mtimeMs > DEAD_MS) rmSync(path);
      else for (const line of readFileSync(path, 'utf8').split('\n')) if (line !== '') held.add(join(dir, line));
    });
  }
  return held;
}
