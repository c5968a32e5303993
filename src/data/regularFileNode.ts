import { readFileSync, statSync } from 'node:fs';
import { UserError } from '../graph/errors.ts';
import { unreadable } from './folders/listingNode.ts';

/**
 * What is wrong with a path that is to be read as a file: a pipe or a device never ends, and a file of no bytes has nothing to
 * read. Files of /proc say that they have none, and some of them never end either.
 */
export function notReadable(path: string): string | undefined {
  const stats = statSync(path);
  if (stats.isDirectory()) return 'a folder';
  if (!stats.isFile()) return 'a device or a pipe';
  return stats.size === 0 ? 'an empty file (0 bytes)' : undefined;
}

/**
 * Refuses what cannot be read to its end.
 * @throws UserError that names the path
 */
export function checkRegular(path: string, wanted: string): void {
  let wrong: string | undefined;
  try {
    wrong = notReadable(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  if (wrong !== undefined) throw new UserError(`${path}: wanted ${wanted}, got ${wrong}. Replace or delete it`);
}

/** The bytes of a table. */
export function readRegularFile(path: string): Uint8Array {
  checkRegular(path, 'a CSV file with image_path and label');
  try {
    return readFileSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}
