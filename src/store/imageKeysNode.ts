import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../formats/disk/atomicNode.ts';
import { spanOf } from '../data/address.ts';
import { readImageBytes } from '../data/images/decodeNode.ts';
import { settledState } from '../data/fileStateNode.ts';
import type { ImageList } from '../data/dataset.ts';

/** Files read at once. */
const LANES = 8;

/**
 * The identity of each image: a digest of its path in the data set, on which its views depend, and of its bytes. Bytes are read
 * once: digests are remembered with the file's state (data/fileStateNode.ts) in `cache`. A file that cannot be read has a digest of its path.
 */
export async function imageKeys({ root, paths }: ImageList, cache: string): Promise<string[]> {
  const known = await readKnown(cache);
  const keys = new Array<string>(paths.length);
  let [next, fresh] = [0, 0];
  const lane = async () => {
    for (let i = next++; i < paths.length; i = next++) {
      const path = paths[i]!;
      const state = await stateOf(join(root, path));
      const held = known.get(path);
      if (held?.state !== state) {
        known.set(path, { state, digest: digestOf(root, path) });
        fresh++;
      }
      keys[i] = Buffer.from(known.get(path)!.digest, 'hex').toString('latin1');
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  if (fresh > 0) {
    const lines = [...known].map(([path, { state, digest }]) => `${JSON.stringify([path, state, digest])}\n`);
    await writeFileAtomic(cache, lines.join(''));
  }
  return keys;
}

interface Known {
  readonly state: string;
  readonly digest: string;
}

async function readKnown(cache: string): Promise<Map<string, Known>> {
  const known = new Map<string, Known>();
  const text = await readFile(cache, 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    try {
      const [path, state, digest] = JSON.parse(line) as [string, string, string];
      if (/^[0-9a-f]{32}$/.test(digest)) known.set(path, { state, digest });
    } catch {
      // A line that is not ours: its image is read again.
    }
  }
  return known;
}

async function stateOf(path: string): Promise<string> {
  try {
    // Of an image in an archive, the archive's.
    return (await settledState(spanOf(path)?.container ?? path)).state;
  } catch {
    return 'missing';
  }
}

function digestOf(root: string, path: string): string {
  const hash = createHash('sha256').update(`${path}\0`);
  try {
    hash.update(readImageBytes(join(root, path)));
  } catch {
    // The loader counts and names what cannot be read.
  }
  return hash.digest('hex').slice(0, 32);
}
