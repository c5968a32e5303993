import { join } from 'node:path';
import { decodeImage } from '../../data/images/decodeNode.ts';
import { writeFileAtomic } from '../../formats/disk/atomicNode.ts';
import type { ImageRecord } from './batchFolder.ts';
import { sheet } from './pictures.ts';

/** A row is a class; a class shows so many images, a sheet so many classes. */
const COLUMNS = 12;
const ROWS = 25;

/** Writes contactSheet-1.png, ... : the first images of each class. Gives their names. */
export async function writeContactSheets(
  out: string,
  classes: readonly string[],
  records: readonly ImageRecord[],
  side: number,
): Promise<string[]> {
  const names: string[] = [];
  for (let from = 0; from < classes.length; from += ROWS) {
    const rows = classes
      .slice(from, from + ROWS)
      .map((name) => records.filter((r) => r.class === name).slice(0, COLUMNS));
    const pictures = await Promise.all(
      rows.map((row) =>
        Promise.all(row.map(async ({ path }) => ({ side, data: (await decodeImage(join(out, path))).data }))),
      ),
    );
    const name = `contactSheet-${names.length + 1}.png`;
    await writeFileAtomic(join(out, name), await sheet(pictures));
    names.push(name);
  }
  return names;
}
