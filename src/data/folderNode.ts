import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { compareCodePoints } from './dataset.ts';
import { imageExtensions, isImageName } from './imageNames.ts';
import { type Layout, type Part, VAL_NAMES } from './layout.ts';

export const layouts = 'train/<class>/* with val/<class>/*, or <class>/*, or images without classes';

interface Folder {
  readonly folders: string[];
  readonly images: string[];
}

/**
 * The images below `dir`. Layouts: `train/<class>/*` with `val` (or valid, validation, test), `<class>/*`, or a flat folder of
 * unlabelled images. Folders inside a class belong to that class; hidden entries and files that are no images are ignored;
 * links are followed.
 * @throws UserError where the folder does not hold a usable data set.
 */
export function readFolderLayout(dir: string): Layout {
  const root = readFolder(dir);
  const trainName = root.folders.find((name) => name.toLowerCase() === 'train');
  const valName = VAL_NAMES.flatMap((want) => root.folders.filter((name) => name.toLowerCase() === want))[0];
  const train = trainName === undefined ? undefined : readFolder(join(dir, trainName));
  if (trainName !== undefined && train && train.folders.length > 0) {
    const { classes, part } = readClasses(dir, trainName);
    if (valName === undefined) return { root: dir, train: part };
    return { root: dir, train: part, val: readVal(dir, valName, classes, trainName) };
  }
  if (train && valName !== undefined) throw flatTrain(dir, trainName!);
  if (root.folders.length > 0 && root.folders.some((name) => hasImage(join(dir, name))))
    return { root: dir, train: readClasses(dir, '').part };
  if (root.images.length === 0)
    throw new UserError(`${dir}: wanted images (${imageExtensions.join(', ')}) as ${layouts}; got no image at all`);
  return { root: dir, train: { paths: root.images, labels: root.images.map(() => undefined) } };
}

/** Whether images lie in two class folders or more, of `dir` or of its folder train. */
export function holdsClassFolders(dir: string): boolean {
  const { folders } = readFolder(dir);
  const train = folders.find((name) => name.toLowerCase() === 'train');
  if (train !== undefined && holdsClassFolders(join(dir, train))) return true;
  let found = 0;
  for (const name of folders) if (hasImage(join(dir, name)) && ++found === 2) return true;
  return false;
}

/** The class folders of `dir/part` with all their images; an empty class and a lone class are errors. */
function readClasses(dir: string, part: string): { classes: string[]; part: Part } {
  const base = join(dir, part);
  const classes = readFolder(base).folders;
  const found = readLabelled(dir, part, classes);
  const used = new Set(found.labels);
  const empty = classes.filter((name) => !used.has(name));
  if (empty.length === classes.length)
    throw new UserError(`${base}: wanted images (${imageExtensions.join(', ')}) as ${layouts}; got no image at all`);
  if (empty.length > 0)
    throw new UserError(
      `${base}: wanted images in every class folder; got none in ${quote(empty)}. Add images or delete the folder`,
    );
  if (classes.length === 1)
    throw new UserError(
      `One class only: ${base}: wanted two class folders or more, got ${quote(classes)}. ` +
        `For images without labels, give ${join(base, classes[0]!)} itself`,
    );
  return { classes, part: found };
}

function readVal(dir: string, valName: string, classes: string[], trainName: string): Part {
  const base = join(dir, valName);
  const names = readFolder(base).folders;
  const known = new Set(classes);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new UserError(
      `${base}: wanted only classes of ${trainName}/, got ${quote(unknown)}, not among ${quote(classes)}. ` +
        'Rename or delete these folders, or add them to the training images',
    );
  const found = readLabelled(dir, valName, names);
  if (found.paths.length === 0)
    throw new UserError(`${base}: wanted images in class folders, got none. Delete ${valName}/ to get a seeded split`);
  return found;
}

function readLabelled(dir: string, part: string, names: string[]): Part {
  const found: { path: string; label: string }[] = [];
  for (const label of names)
    for (const path of imagesBelow(dir, part === '' ? label : `${part}/${label}`, [])) found.push({ path, label });
  found.sort((a, b) => compareCodePoints(a.path, b.path));
  return { paths: found.map((x) => x.path), labels: found.map((x) => x.label) };
}

/** Images at any depth. `above` holds the real folders on the way here: a link back to one of them is not followed. */
function imagesBelow(dir: string, relative: string, above: readonly string[]): string[] {
  const here = realFolder(join(dir, relative));
  if (above.includes(here)) return [];
  const { folders, images } = readFolder(join(dir, relative));
  const nested = folders.flatMap((name) => imagesBelow(dir, `${relative}/${name}`, [...above, here]));
  return [...images.map((name) => `${relative}/${name}`), ...nested];
}

function hasImage(path: string, depth = 0): boolean {
  const { folders, images } = readFolder(path);
  return images.length > 0 || (depth < 8 && folders.some((name) => hasImage(join(path, name), depth + 1)));
}

/** Visible folders and image files of one folder, each in code-point order. */
function readFolder(path: string): Folder {
  const found: Folder = { folders: [], images: [] };
  for (const entry of readEntries(path)) {
    if (entry.name.startsWith('.')) continue;
    const image = isImageName(entry.name);
    const folder = entry.isSymbolicLink() ? linksToFolder(join(path, entry.name)) : entry.isDirectory();
    if (folder) found.folders.push(entry.name);
    // A dangling link with an image's name stays: it is reported as a bad image, not dropped in silence.
    else if (image && (entry.isFile() || entry.isSymbolicLink())) found.images.push(entry.name);
  }
  found.folders.sort(compareCodePoints);
  found.images.sort(compareCodePoints);
  return found;
}

function readEntries(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    throw unreadable(path, error);
  }
}

function realFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** False also for a link that leads nowhere or in a circle. */
function linksToFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

export function unreadable(path: string, error: unknown): UserError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new UserError(`${path}: wanted a folder that can be read, got ${code}. Check its permissions and links`);
}

function flatTrain(dir: string, trainName: string): UserError {
  const path = join(dir, trainName);
  return new UserError(
    `${path}: wanted class folders (${trainName}/<class>/*), got none. For images without labels, give ${path} itself`,
  );
}

export function quote(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `"${name}"`);
  return names.length > 5 ? `${shown.join(', ')} and ${names.length - 5} more` : shown.join(', ');
}
