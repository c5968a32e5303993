import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../formats/atomicNode.ts';
import { InUse, type Lock } from '../../formats/lockNode.ts';
import { lockFolder } from '../../formats/folderLockNode.ts';

/** An image of a batch, as the manifest has it. */
export interface ImageRecord {
  /** Below the folder of the set, with `/`. */
  readonly path: string;
  readonly class: string;
  /** Cross entropy of the teacher on the image as it was written. */
  readonly loss: number;
  /** The teacher's probability of the class. */
  readonly confidence: number;
}

export interface BatchRecord {
  readonly index: number;
  readonly seed: number;
  /** Lowest total loss of the batch; the images are that iterate's. Null of noise. */
  readonly loss: number | null;
  readonly images: readonly ImageRecord[];
}

/** The images of a set lie here, in class folders. */
export const IMAGES = 'train';
const WORK = 'batches';
const DONE = 'batch.json';

const folderOf = (out: string, round: number, index: number): string =>
  join(out, WORK, `round${round}`, String(index).padStart(5, '0'));

/** The record of a finished batch. */
export async function finishedBatch(out: string, round: number, index: number): Promise<BatchRecord | undefined> {
  const path = join(folderOf(out, round, index), DONE);
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as BatchRecord) : undefined;
}

/**
 * Claims a batch for this process; a claim whose process is gone is taken over.
 * @returns the claim; undefined where a live process has it.
 */
export async function claimBatch(out: string, round: number, index: number): Promise<Lock | undefined> {
  const folder = folderOf(out, round, index);
  await mkdir(folder, { recursive: true });
  try {
    return await lockFolder(folder);
  } catch (error) {
    if (error instanceof InUse) return undefined;
    throw error;
  }
}

/**
 * Puts the images of a claimed batch into their class folders, and at last its record, which makes it finished. Each file appears
 * whole; a kill in between leaves images that the next attempt writes again, with the same bytes.
 */
export async function finishBatch(
  out: string,
  round: number,
  record: BatchRecord,
  images: readonly Uint8Array[],
): Promise<void> {
  const folder = folderOf(out, round, record.index);
  await removeStaging(folder);
  const staging = await mkdtemp(join(folder, STAGING));
  for (const [i, { path }] of record.images.entries()) {
    const target = join(out, path);
    await mkdir(join(target, '..'), { recursive: true });
    await writeFile(join(staging, String(i)), images[i]!);
    await rename(join(staging, String(i)), target);
  }
  await removeStaging(folder);
  await writeFileAtomic(join(folder, DONE), `${JSON.stringify(record, null, 2)}\n`);
}

const STAGING = 'staging-';

async function removeStaging(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith(STAGING)) await rm(join(folder, name), { recursive: true, force: true });
}
