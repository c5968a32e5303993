import { readFileSync } from 'node:fs';
import { notReadable } from '../formats/disk/regularFileNode.ts';
import { UserError } from '../graph/errors.ts';
import { unreadable } from './folders/listingNode.ts';

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
