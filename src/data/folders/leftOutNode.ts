import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { brief } from '../../graph/errors.ts';
import { formatOf, otherFormat } from '../images/imageFormat.ts';
import { endingOf, isUnreadPicture } from '../images/imageNames.ts';

/** Endings that are told, and that are counted at most: names may have a number after the last dot. */
const [SHOWN, MOST] = [4, 1000];
/** Our choice: so many files whose ending says nothing are looked into, one an ending. */
const LOOKS = 16;

interface Ending {
  count: number;
  readonly example: string;
  readonly picture: boolean;
}

/** Files that were not taken for images by their names, of which some are pictures. */
export class LeftOut {
  readonly #endings = new Map<string, Ending>();
  #looks = 0;

  add(folder: string, name: string): void {
    const ending = endingOf(name);
    const known = this.#endings.get(ending);
    if (known) known.count++;
    else if (this.#endings.size < MOST) {
      const path = join(folder, name);
      const picture = isUnreadPicture(name) ?? (this.#looks++ < LOOKS && looksLikePicture(path));
      this.#endings.set(ending, { count: 1, example: path, picture });
    }
  }

  /** @param taken images that were */
  words(taken: number): string | undefined {
    const pictures = [...this.#endings]
      .filter(([, { picture }]) => picture)
      .sort((a, b) => b[1].count - a[1].count || (a[0] < b[0] ? -1 : 1));
    if (pictures.length === 0) return undefined;
    const left = pictures.reduce((sum, [, { count }]) => sum + count, 0);
    const shown = pictures
      .slice(0, SHOWN)
      .map(
        ([ending, { count, example }]) =>
          `${count} ${ending === '' ? 'without an ending' : `.${brief(ending)}`} (${brief(example, 1024)})`,
      );
    const more = pictures.length > SHOWN ? ` and ${pictures.length - SHOWN} endings more` : '';
    return `${left} of ${taken + left} pictures are left out, whose format or ending is not read: ${shown.join(', ')}${more}. Convert them to PNG or JPEG, or give them their format's ending`;
  }
}

function looksLikePicture(path: string): boolean {
  try {
    // A file that says it has no bytes (one of /proc) may not end.
    if (statSync(path).size === 0) return false;
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(64);
      return isPicture(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0)));
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

function isPicture(bytes: Uint8Array): boolean {
  const format = formatOf(bytes);
  // Two letters are soon at the beginning of a text: a bitmap has four zero bytes after its size.
  if (format === 'bmp') return bytes.subarray(6, 10).every((byte) => byte === 0);
  return format !== undefined || /picture|Photoshop/.test(otherFormat(bytes));
}
