import { createHash } from 'node:crypto';
import { basename, join, relative, sep } from 'node:path';
import type { Kind, Place } from '../answers.ts';
import { isSet, namesIn, recognise } from './recognise.ts';

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
  const placeOf = (kind: Kind, path: string): Place => ({
    ...{ id: idOf(kind, path), kind, path },
    name: path === '' ? basename(root) : path,
  });
  const visit = async (folder: string, depth: number, study: string | undefined): Promise<void> => {
    if (left-- <= 0) return;
    const names = await namesIn(folder);
    const kind = await recognise(folder, names);
    const path = relative(root, folder).split(sep).join('/');
    if (isSet(names)) found.push(placeOf('set', path));
    if (kind) {
      const place = placeOf(kind, path);
      found.push({ ...place, ...(study === undefined ? {} : { study }) });
      if (kind !== 'study') return;
      study = place.id;
    }
    if (depth >= DEEPEST) return;
    const below = names.folders.filter((name) => !name.startsWith('.') && !PASSED_OVER.has(name));
    for (const name of below) await visit(join(folder, name), depth + 1, study);
  };
  await visit(root, 0, undefined);
  return found;
}
