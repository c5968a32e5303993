import { UserError } from '../graph/errors.ts';
import { writeMnistFolder } from '../quickstart/mnistFolder.ts';
import { writeEmojiFolder } from './emojiNode.ts';
import type { StudyFile } from './schema.ts';

/** Writes the images that a study asks for, where they are not there yet. */
export async function prepareData(what: NonNullable<StudyFile['prepare']>, dir: unknown): Promise<void> {
  if (typeof dir !== 'string')
    throw new UserError(`prepare: ${what}: wanted the folder to write to in base.data.dir, got nothing`);
  return what === 'emoji' ? writeEmojiFolder(dir) : writeMnistFolder(dir);
}
