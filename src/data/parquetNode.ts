import { statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { removeStaleTemps } from '../formats/atomicNode.ts';
import { UserError } from '../graph/errors.ts';
import { damageReason } from './damageReason.ts';
import type { UnpackMessage } from './parquetWorkerNode.ts';
import { workerUrl } from './workerPoolNode.ts';

/** A reader that says nothing for so long goes round in circles on damaged bytes; 64 rows take far less. */
const SILENCE_MS = 10_000;

/**
 * Images of a Parquet file. Its pages are compressed, so an image is no span of the file: the file is written once as a tar shard
 * to `cacheDir`, under a name that changes with the file's size and time, to be read as one.
 * @returns the shard
 * @throws UserError that names the file.
 */
export async function unpackParquet(file: string, cacheDir: string): Promise<string> {
  const { size, mtimeMs } = statSync(file);
  if (size === 0) throw damaged(file, 'an empty file');
  const shard = join(cacheDir, `${basename(file)}.${size}-${Math.round(mtimeMs)}.tar`);
  if (!statSync(shard, { throwIfNoEntry: false })) await unpack(file, shard);
  return shard;
}

/** Unpacks in a thread, which can be ended where the Parquet library does not end by itself. */
async function unpack(file: string, shard: string): Promise<void> {
  const worker = new Worker(workerUrl('parquetWorkerNode'), { workerData: { file, shard } });
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
