import { createHash } from 'node:crypto';
import { basename, join, relative, sep } from 'node:path';
import type { Kind, Place } from '../answers.ts';
import { namesIn, recognise } from './recognise.ts';

/** Our choice: deeper than people keep their runs, and an end where a link of the file system makes a circle. */
const DEEPEST = 8;
const MOST_FOLDERS = 20_000;
const PASSED_OVER = new Set(['node_modules', 'checkpoints', 'dist', '__pycache__']);

export const idOf = (kind: Kind, path: string): string =>
  createHash('sha256').update(`${kind}:${path}`).digest('base64url').slice(0, 12);

/** All runs, studies, data sets and models below a folder. Inside of a run, a model or a data set there is no other. */
export async function scan(root: string): Promise<Place[]> {
  const found: Place[] = [];
  let left = MOST_FOLDERS;
  const visit = async (folder: string, depth: number, study: string | undefined): Promise<void> => {
    if (left-- <= 0) return;
    const names = await namesIn(folder);
    const kind = await recognise(folder, names);
    const path = relative(root, folder).split(sep).join('/');
    if (kind) {
      const id = idOf(kind, path);
      const name = path === '' ? basename(root) : path;
      found.push({ id, kind, name, path, ...(study === undefined ? {} : { study }) });
      if (kind !== 'study') return;
      study = id;
    }
    if (depth >= DEEPEST) return;
    const below = names.folders.filter((name) => !name.startsWith('.') && !PASSED_OVER.has(name));
    for (const name of below) await visit(join(folder, name), depth + 1, study);
  };
  await visit(root, 0, undefined);
  return found;
}
