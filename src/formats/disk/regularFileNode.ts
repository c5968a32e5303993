import { statSync } from 'node:fs';
import { UserError } from '../../graph/errors.ts';
import { fileError } from './fileErrorNode.ts';

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
 * Refuses what cannot be read to its end, before it is opened: opening a pipe waits for a writer.
 * @throws UserError that names the path
 */
export function checkModelFile(path: string, wanted: string): void {
  let wrong: string | undefined;
  try {
    wrong = notReadable(path);
  } catch (error) {
    throw fileError(error, path, 'read it');
  }
  if (wrong !== undefined)
    throw new UserError(`${path}: wanted ${wanted}, got ${wrong}. Copy or download the file anew`);
}
