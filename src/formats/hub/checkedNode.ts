import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomic } from '../disk/atomicNode.ts';

/** What size, times and number a file had when its bytes were those of its name, by that name. */
type Witnesses = Record<string, string>;

/** In the model's folder of the cache; Python's huggingface_hub passes it over. */
const FILE = '.understudy-checked.json';

/**
 * Holds a folder of the cache to the checksums that its files are named by. A file whose size and times are those of an earlier check
 * is not read again.
 * @returns the name of a file that is not what its name says; it is deleted.
 */
export async function findDamage(snapshot: string): Promise<string | undefined> {
  const record = join(snapshot, '../..', FILE);
  const known = await readWitnesses(record);
  const before = JSON.stringify(known);
  try {
    for (const name of await readdir(snapshot)) {
      const blob = await realpath(join(snapshot, name)).catch(() => undefined);
      // Where links cannot be made it is a copy, whose checksum nobody has written down.
      if (blob === undefined || basename(dirname(blob)) !== 'blobs') continue;
      if (!(await isWhole(blob, known))) {
        await rm(blob, { force: true });
        return name;
      }
    }
    return undefined;
  } finally {
    // A cache that cannot be written is checked each time.
    if (JSON.stringify(known) !== before) await writeFileAtomic(record, JSON.stringify(known)).catch(() => undefined);
  }
}

async function isWhole(blob: string, known: Witnesses): Promise<boolean> {
  const hash = basename(blob);
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash)) return true;
  const { size, mtimeMs, ctimeMs, ino } = await stat(blob);
  const witness = [size, mtimeMs, ctimeMs, ino].join(' ');
  if (known[hash] === witness) return true;
  if ((await checksum(blob, hash, size)) !== hash) {
    delete known[hash];
    return false;
  }
  known[hash] = witness;
  return true;
}

/** Large files have their SHA-256, small ones git's SHA-1 of a blob. */
export async function checksum(path: string, hash: string, size: number): Promise<string> {
  const sum = createHash(hash.length === 64 ? 'sha256' : 'sha1');
  if (hash.length === 40) sum.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path)) sum.update(chunk as Buffer);
  return sum.digest('hex');
}

async function readWitnesses(path: string): Promise<Witnesses> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Witnesses) : {};
  } catch {
    return {};
  }
}
