import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import { WISHES, type Wish } from '../wish.ts';

/** In the run's folder: one word. A file reaches a run that a signal cannot: of another machine, of Windows, of several ranks. */
export const WISH_FILE = 'run.wish';

export const putWish = (dir: string, wish: Wish): Promise<void> => writeFileAtomic(join(dir, WISH_FILE), `${wish}\n`);

/**
 * The wish that lies in a run's folder, taken away before it is acted on: a kill in between loses the wish, and never makes a resumed
 * run act on one that it was not asked. A file that holds anything else is none.
 */
export async function takeWish(dir: string): Promise<Wish | undefined> {
  const path = join(dir, WISH_FILE);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  await rm(path, { force: true });
  return WISHES.find((wish) => wish === text.trim());
}
