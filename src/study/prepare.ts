import { resolve } from 'node:path';
import type { z } from 'zod';
import { Claims } from '../formats/disk/claimsNode.ts';
import { ofFolder } from '../formats/disk/folderLockNode.ts';
import { UserError } from '../graph/errors.ts';
import { writeMnistFolder } from '../quickstart/mnistFolder.ts';
import { writeEmojiFolder } from './emojiNode.ts';
import { writeFashionFolder } from './fashionNode.ts';
import { writeHandSignsFolder } from './handSignsNode.ts';
import type { prepared, StudyFile } from './schema.ts';

type Prepared = z.output<typeof prepared>;

const WRITERS: Readonly<Record<Prepared, (dir: string) => Promise<void>>> = {
  mnist: (dir) => writeMnistFolder(dir),
  emoji: (dir) => writeEmojiFolder(dir),
  emojiThird: (dir) => writeEmojiFolder(dir, 'emojiThird'),
  fashion: (dir) => writeFashionFolder(dir),
  handSigns: (dir) => writeHandSignsFolder(dir),
};

/** Each set that a study asks for, with the folder that it is written to: `dir` where it names none. */
export function preparedSets(wanted: StudyFile['prepare'], dir: unknown): [Prepared, unknown][] {
  if (wanted === undefined) return [];
  return typeof wanted === 'string' ? [[wanted, dir]] : (Object.entries(wanted) as [Prepared, string][]);
}

/** Writes the images that a study asks for, where they are not there yet. */
export async function prepareData(what: Prepared, dir: unknown, claims = new Claims()): Promise<void> {
  if (typeof dir !== 'string')
    throw new UserError(`prepare: ${what}: wanted the folder to write to in base.data.dir, got nothing`);
  return oneAtATime(dir, claims, () => WRITERS[what](dir));
}

/** Of processes that begin a study together one writes the images; the others wait, and find them. */
export async function oneAtATime(dir: string, claims: Claims, write: () => Promise<void>): Promise<void> {
  const claim = await claims.wait(`${resolve(dir)}.preparing`, ofFolder(dir));
  try {
    await write();
  } finally {
    await claim?.release();
  }
}
