import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import type { PresetName } from '../../config/augmentPresets.ts';
import { spanOf } from '../../data/address.ts';
import { UserError } from '../../graph/errors.ts';
import { contactSheet } from '../../run/looking/augmentSheet.ts';
import type { Reply } from '../asking/question.ts';

/** Question `augmented`: what training sees of some images of a folder with a preset, as a PNG; all of them lie below `root`. */
export async function augmented([dir, preset, root]: readonly string[]): Promise<Reply> {
  const folder = await mkdtemp(join(tmpdir(), 'understudy-sheet-'));
  try {
    const { rows, images, imageSize } = await contactSheet(dir!, preset as PresetName, join(folder, 'sheet.png'));
    for (const path of images) {
      const real = await realpath(join(dir!, spanOf(path)?.container ?? path));
      if (!`${real}${sep}`.startsWith(`${root}${sep}`))
        throw new UserError(`${path}: wanted a picture in the folder of this studio, got a link that leads out of it`);
    }
    return { head: { rows, images, imageSize }, body: [await readFile(join(folder, 'sheet.png'))] };
  } finally {
    await rm(folder, { recursive: true });
  }
}
