import { appendFile, cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFolderAtomic } from '../../formats/disk/atomicNode.ts';
import type { MarkedFolder } from '../../formats/disk/shardMarkNode.ts';
import { UserError } from '../../graph/errors.ts';
import { copyBatch, wholeBatch } from './batchFolder.ts';
import { COURSE_FILE } from './courseFile.ts';
import { descriptionFile } from './settingsFile.ts';

/**
 * Puts the parts of a set of images together. `understudy synthesize` without --shard then measures it.
 * @returns the number of images
 * @throws UserError that names the batches which are not whole
 */
export async function mergeSets(parts: readonly MarkedFolder[], out: string): Promise<number> {
  const [{ dir: first, mark }] = parts as [MarkedFolder];
  const dirOf = (index: number) => parts[index % mark.of]!.dir;
  const missing: string[] = [];
  for (let index = 0; index < mark.units; index++)
    if (!(await wholeBatch(dirOf(index), 1, index))) missing.push(`${index + 1} (${dirOf(index)})`);
  if (missing.length > 0)
    throw new UserError(
      `merge: wanted ${mark.units} whole batches, got ${mark.units - missing.length}; not whole: ${missing.slice(0, 8).join(', ')}${missing.length > 8 ? ', ...' : ''}. Run the parts' commands again: they go on`,
    );
  let images = 0;
  await replaceFolderAtomic(out, async (folder) => {
    await cp(descriptionFile(first, 1), descriptionFile(folder, 1));
    for (let index = 0; index < mark.units; index++) images += await copyBatch(dirOf(index), folder, 1, index);
    await mergeCourses(parts, folder);
  });
  return images;
}

/** How the losses went, of each part what it made. Parts that an older release made have none. */
async function mergeCourses(parts: readonly MarkedFolder[], folder: string): Promise<void> {
  for (const { dir } of parts) {
    const course = await readFile(join(dir, COURSE_FILE), 'utf8').catch(() => '');
    if (course !== '') await appendFile(join(folder, COURSE_FILE), course);
  }
}
