import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import { asObject, isDeep } from '../../formats/disk/jsonValue.ts';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import type { Claim, Claims } from '../../formats/disk/claimsNode.ts';
import type { Lock } from '../../formats/disk/lockNode.ts';
import { lockName, ofFolder } from '../../formats/disk/folderLockNode.ts';
import { UserError } from '../../graph/errors.ts';

const image = z.object({
  /** Below the folder of the set, with `/`. */
  path: z.string().regex(/^train\/[^\0]+$/),
  class: z.string(),
  /** Cross entropy of the teacher on the image as it was written. */
  loss: z.number(),
  /** The teacher's probability of the class. */
  confidence: z.number(),
  /** Of the file; sets of older releases have none. */
  sha256: z.string().exactOptional(),
});

const batch = z.object({
  index: z.int(),
  seed: z.number(),
  /** Lowest total loss of the batch; the images are that iterate's. Null of noise. */
  loss: z.number().nullable(),
  /** A path twice would be an image twice. */
  images: z.array(image).refine((images) => new Set(images.map(({ path }) => path)).size === images.length),
});

/** An image of a batch, as the manifest has it. */
export type ImageRecord = Readonly<z.output<typeof image>>;

export type BatchRecord = Readonly<Omit<z.output<typeof batch>, 'images'>> & {
  readonly images: readonly ImageRecord[];
};

/** The images of a set lie here, in class folders. */
export const IMAGES = 'train';
/** What its processes keep. */
export const WORK = 'batches';
const DONE = 'batch.json';

export const roundFolder = (out: string, round: number): string => join(out, WORK, `round${round}`);

const folderOf = (out: string, round: number, index: number): string =>
  join(roundFolder(out, round), String(index).padStart(5, '0'));

/**
 * The record of a finished batch; none where its record, or an image that it names, is gone or is not what was written: such a batch
 * is made again, to the same bytes.
 */
export async function wholeBatch(out: string, round: number, index: number): Promise<BatchRecord | undefined> {
  const record = await batchRecord(out, round, index);
  if (record?.index !== index) return undefined;
  for (const image of record.images) if (!(await isWhole(out, image))) return undefined;
  return record;
}

/** The record of a batch, unless it is missing, damaged or edited. */
export async function batchRecord(out: string, round: number, index: number): Promise<BatchRecord | undefined> {
  try {
    const text = await readFile(join(folderOf(out, round, index), DONE), 'utf8');
    if (isDeep(text)) return undefined;
    // Of all the rest; sets of older releases have none.
    const { sha256, ...kept } = asObject(JSON.parse(text));
    if (sha256 !== undefined && sha256 !== digestOf(utf8(kept))) return undefined;
    return batch.safeParse(kept).data;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(error, join(folderOf(out, round, index), DONE), 'read it');
  }
}

async function isWhole(out: string, { path, sha256 }: ImageRecord): Promise<boolean> {
  try {
    const bytes = await readFile(join(out, path));
    return sha256 === undefined ? bytes.length > 0 : sha256 === digestOf(bytes);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw fileError(error, join(out, path), 'read it');
  }
}

const utf8 = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * The records of a round that is complete.
 * @throws UserError where one of its batches is damaged: that round's own settings make it again.
 */
export async function finishedRound(out: string, round: number): Promise<BatchRecord[]> {
  const folder = roundFolder(out, round);
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^\d{5,}$/.test(name)).sort();
  const records: BatchRecord[] = [];
  for (const name of names) {
    const record = await wholeBatch(out, round, Number(name));
    if (record === undefined)
      throw new UserError(
        `${join(folder, name)}: wanted a finished batch of round ${round}, got one whose record or images are gone or changed. Run synthesize with the settings of round ${round} again: it makes them again`,
      );
    records.push(record);
  }
  return records;
}

/**
 * Claims a batch for this process; the claim of one that is gone is taken over, and what it left goes.
 * @returns the claim; undefined where another process has it.
 */
export async function claimBatch(
  claims: Claims,
  out: string,
  round: number,
  index: number,
): Promise<Claim | undefined> {
  const folder = folderOf(out, round, index);
  // Looked at before: a process that is stopped right here must not remove what its successor makes.
  const left = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith(STAGING));
  const claim = await claims.take(join(folder, lockName), ofFolder(folder));
  if (claim) for (const name of left) await rm(join(folder, name), { recursive: true, force: true });
  return claim;
}

/**
 * Puts the images of a claimed batch into their class folders, and at last its record, which makes it finished. Each file appears
 * whole; a kill in between leaves images that the next attempt writes again, with the same bytes. So a process that was stopped
 * and lost its claim changes nothing either: what it still writes has those bytes.
 * @throws InUse where the claim is another's by now
 */
export async function finishBatch(
  out: string,
  round: number,
  record: BatchRecord,
  images: readonly Uint8Array[],
  claim: Lock,
): Promise<void> {
  const folder = folderOf(out, round, record.index);
  await claim.check();
  const staging = await mkdtemp(join(folder, STAGING));
  for (const [i, { path }] of record.images.entries()) {
    const target = join(out, path);
    await mkdir(join(target, '..'), { recursive: true });
    await writeFile(join(staging, String(i)), images[i]!);
    await rename(join(staging, String(i)), target);
  }
  await rm(staging, { recursive: true, force: true });
  const digested = record.images.map((image, i) => ({ ...image, sha256: digestOf(images[i]!) }));
  const kept = { ...record, images: digested };
  await writeFileAtomic(join(folder, DONE), `${JSON.stringify({ ...kept, sha256: digestOf(utf8(kept)) }, null, 2)}\n`, {
    lock: claim,
  });
}

const STAGING = 'staging-';

/** Copies a whole batch, images and record; gives the number of its images. */
export async function copyBatch(from: string, to: string, round: number, index: number): Promise<number> {
  const { images } = (await wholeBatch(from, round, index))!;
  for (const { path } of images) await cp(join(from, path), join(to, path));
  await cp(join(folderOf(from, round, index), DONE), join(folderOf(to, round, index), DONE));
  return images.length;
}
