import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { spanOf } from '../address.ts';
import type { ImageList } from '../dataset.ts';

/** Files between two looks of others at the event loop. */
const LOOK_EVERY = 1024;

/**
 * Size and time of each image's file, "1234 1700000000000", of an image in an archive the archive's; empty where there is none. Not
 * the whole state of a file (fileStateNode.ts): a data set that was copied to another machine has other numbers and the same images.
 */
export async function imageStamps({ root, paths }: ImageList): Promise<string[]> {
  const stamps: string[] = [];
  const archives = new Map<string, string>();
  for (const path of paths) {
    const container = spanOf(path)?.container;
    if (container !== undefined && !archives.has(container)) archives.set(container, stampOf(join(root, container)));
    stamps.push(container === undefined ? stampOf(join(root, path)) : archives.get(container)!);
    if (stamps.length % LOOK_EVERY === 0) await setImmediate();
  }
  return stamps;
}

function stampOf(path: string): string {
  try {
    const { size, mtimeMs } = statSync(path);
    return `${size} ${Math.round(mtimeMs)}`;
  } catch {
    // A file that is not there is counted and named by the loader.
    return '';
  }
}
