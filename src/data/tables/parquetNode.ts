import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { threadId, Worker } from 'node:worker_threads';
import { removeStaleTemps } from '../../formats/disk/atomicNode.ts';
import { UserError } from '../../graph/errors.ts';
import { damageReason } from '../images/damageReason.ts';
import { fileState, settledState } from '../fileStateNode.ts';
import type { UnpackMessage } from './parquetWorkerNode.ts';
import { checkRegular } from '../regularFileNode.ts';
import { workerUrl } from '../workerUrlNode.ts';

/** A reader that says nothing for so long goes round in circles on damaged bytes; 64 rows take far less. */
const SILENCE_MS = 10_000;

/**
 * Images of a Parquet file. Its pages are compressed, so an image is no span of the file: the file is written once as a tar shard
 * to `cacheDir`, to be read as one. The shard's name has a digest of the file's bytes: it is another where they are, and the same
 * on every machine, since the addresses of its images are in what a run keeps.
 * @param spareDir where to, where `cacheDir` cannot be written: a data set on a read-only disk
 * @returns the shard
 * @throws UserError that names the file.
 */
export async function unpackParquet(file: string, cacheDir: string, spareDir?: string): Promise<string> {
  checkRegular(file, 'a Parquet file');
  const places = [cacheDir, ...(spareDir === undefined ? [] : [spareDir])];
  const { state } = await settledState(file);
  const key = knownDigest(file, state, places) ?? (await digestOf(file));
  const shards = places.map((dir) => join(dir, `${basename(file)}.${key}.tar`));
  const place = places[Math.max(0, places.findIndex(canWrite))]!;
  const there = shards.find((shard) => isFile(shard));
  const shard = there ?? shards[places.indexOf(place)]!;
  if (there === undefined) await unpack(file, shard);
  if (fileState(file).state !== state) {
    if (there === undefined) rmSync(shard, { force: true });
    throw new UserError(
      `${file}: wanted a file that stays as it is while it is read, got one that is written. Try again`,
    );
  }
  remember(file, state, key, place);
  return shard;
}

/** Where the digest of a file is kept, with the state that it was of: files of one name may lie in several folders. */
const recordOf = (file: string, dir: string): string =>
  join(dir, `${basename(file)}.${createHash('sha256').update(resolve(file)).digest('hex').slice(0, 12)}.json`);

function knownDigest(file: string, state: string, places: readonly string[]): string | undefined {
  for (const dir of places)
    try {
      const known = JSON.parse(readFileSync(recordOf(file, dir), 'utf8')) as { state?: unknown; digest?: unknown };
      if (known.state === state && /^[0-9a-f]{24}$/.test(String(known.digest))) return String(known.digest);
    } catch {
      // None, or a damaged one: the file is read again.
    }
  return undefined;
}

function remember(file: string, state: string, digest: string, dir: string): void {
  try {
    const path = recordOf(file, dir);
    const part = `${path}.tmp-${process.pid}-${threadId}`;
    writeFileSync(part, JSON.stringify({ state, digest }));
    renameSync(part, path);
  } catch {
    // A disk that is read-only or full: the file is read again the next time.
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex').slice(0, 24);
}

const isFile = (path: string): boolean => {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** Asked by writing: rights alone do not say it of root, nor of a disk that is read-only or full. */
function canWrite(dir: string): boolean {
  try {
    mkdirSync(dir, { recursive: true });
    const probe = join(dir, `.probe-${process.pid}-${threadId}`);
    writeFileSync(probe, 'x');
    rmSync(probe);
    return true;
  } catch {
    return false;
  }
}

/** Unpacks in a thread, which can be ended where the Parquet library does not end by itself. */
async function unpack(file: string, shard: string): Promise<void> {
  const worker = new Worker(workerUrl(import.meta.url, 'parquetWorkerNode'), { workerData: { file, shard } });
  let watch: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const listen = () => {
        clearTimeout(watch);
        watch = setTimeout(() => reject(damaged(file, `no row for ${SILENCE_MS / 1000} seconds`)), SILENCE_MS);
      };
      listen();
      worker.on('message', (message: UnpackMessage) => {
        listen();
        if (message.kind === 'done') resolve();
        if (message.kind === 'refused') reject(new UserError(message.reason));
      });
      worker.on('error', (error) => reject(damaged(file, damageReason(error))));
      worker.on('exit', (code) => reject(damaged(file, `its reader ended with code ${code}`)));
    });
  } finally {
    clearTimeout(watch);
    await worker.terminate();
    await removeStaleTemps(dirname(shard), basename(shard)).catch(() => undefined);
  }
}

function damaged(file: string, got: string): UserError {
  return new UserError(`${file}: wanted a Parquet file, got a damaged one (${got}). Download it again`);
}
