import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../graph/errors.ts';
import { type Amount, compareCodePoints, type Dataset, type ImageList, splitList, subset } from './dataset.ts';

export const imageExtensions = ['jpg', 'jpeg', 'png', 'webp', 'bmp', 'gif', 'tiff', 'tif', 'avif'] as const;
const valNames = ['val', 'valid', 'validation', 'test'];
const layouts = 'train/<class>/* with val/<class>/*, or <class>/*, or images without classes';
const isImage = new RegExp(`\\.(${imageExtensions.join('|')})$`, 'i');

export interface OpenOptions {
  /** Part of each class that becomes `val` when the folders do not say; default 0.1. */
  readonly valFraction?: number;
  readonly seed: number;
  /** Keep at most this many images of `train` and as many of `val` (stratified, seeded). */
  readonly limit?: number;
}

interface Folder {
  readonly folders: string[];
  readonly images: string[];
}

/**
 * Find the images below `dir`. Layouts: `train/<class>/*` with `val` (or valid, validation, test), `<class>/*` with a
 * seeded stratified split, or a flat folder of unlabelled images. Folders inside a class belong to that class; hidden
 * entries and files that are no images are ignored; links are followed. Throws UserError when the folder does not hold
 * a usable data set.
 */
export function openDataset(dir: string, options: OpenOptions): Dataset {
  const valFraction = options.valFraction ?? 0.1;
  if (!(valFraction >= 0 && valFraction < 1))
    throw new UserError(`openDataset: valFraction: wanted a number from 0 up to 1, got ${valFraction}`);
  checkFolder(dir);
  const root = readFolder(dir);
  const found = openLayout(dir, root, valFraction, options.seed);
  if (options.limit === undefined) return found;
  const amount: Amount = { count: options.limit };
  const [train, val] = [subset(found.train, amount, options.seed), subset(found.val, amount, options.seed)];
  return { ...found, train, val };
}

function openLayout(dir: string, root: Folder, valFraction: number, seed: number): Dataset {
  const trainName = root.folders.find((name) => name.toLowerCase() === 'train');
  const valName = valNames.flatMap((want) => root.folders.filter((name) => name.toLowerCase() === want))[0];
  const train = trainName === undefined ? undefined : readFolder(join(dir, trainName));
  if (trainName !== undefined && train && train.folders.length > 0) {
    const { classes, list } = readClasses(dir, trainName);
    if (valName === undefined) return { classes, ...splitList(list, valFraction, seed), ...seeded };
    return { classes, train: list, val: readVal(dir, valName, classes, trainName), splitSource: 'folders' };
  }
  if (train && valName !== undefined) throw flatTrain(dir, trainName!);
  if (root.folders.length > 0 && root.folders.some((name) => hasImage(join(dir, name)))) {
    const { classes, list } = readClasses(dir, '');
    return { classes, ...splitList(list, valFraction, seed), ...seeded };
  }
  if (root.images.length === 0)
    throw new UserError(`${dir}: wanted images (${imageExtensions.join(', ')}) as ${layouts}; got no image at all`);
  const list = { root: dir, paths: root.images, labels: new Int32Array(root.images.length).fill(-1) };
  return { classes: [], ...splitList(list, valFraction, seed), ...seeded };
}

const seeded = { splitSource: 'seeded' } as const;

/** The class folders of `dir/part` with all their images; an empty class and a lone class are errors. */
function readClasses(dir: string, part: string): { classes: string[]; list: ImageList } {
  const base = join(dir, part);
  const classes = readFolder(base).folders;
  const list = readLabelled(dir, part, classes, classes);
  const used = new Set(list.labels);
  const empty = classes.filter((_, label) => !used.has(label));
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
  return { classes, list };
}

function readVal(dir: string, valName: string, classes: string[], trainName: string): ImageList {
  const base = join(dir, valName);
  const names = readFolder(base).folders;
  const unknown = names.filter((name) => !classes.includes(name));
  if (unknown.length > 0)
    throw new UserError(
      `${base}: wanted only classes of ${trainName}/, got ${quote(unknown)}, not among ${quote(classes)}. ` +
        'Rename or delete these folders, or add them to the training images',
    );
  const list = readLabelled(dir, valName, names, classes);
  if (list.paths.length === 0)
    throw new UserError(`${base}: wanted images in class folders, got none. Delete ${valName}/ to get a seeded split`);
  return list;
}

function readLabelled(dir: string, part: string, names: string[], classes: string[]): ImageList {
  const found: { path: string; label: number }[] = [];
  for (const name of names) {
    const label = classes.indexOf(name);
    const relative = part === '' ? name : `${part}/${name}`;
    for (const path of imagesBelow(dir, relative, [])) found.push({ path, label });
  }
  found.sort((a, b) => compareCodePoints(a.path, b.path));
  return { root: dir, paths: found.map((x) => x.path), labels: Int32Array.from(found, (x) => x.label) };
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
    const image = isImage.test(entry.name);
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

function checkFolder(dir: string): void {
  let stats: ReturnType<typeof statSync>;
  try {
    stats = statSync(dir, { throwIfNoEntry: false });
  } catch (error) {
    throw unreadable(dir, error);
  }
  if (!stats) throw new UserError(`${dir}: wanted a folder of images, got nothing there. Check the path`);
  if (!stats.isDirectory())
    throw new UserError(`${dir}: wanted a folder of images, got a file. Give the folder that holds ${layouts}`);
}

function unreadable(path: string, error: unknown): UserError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  return new UserError(`${path}: wanted a folder that can be read, got ${code}. Check its permissions and links`);
}

function flatTrain(dir: string, trainName: string): UserError {
  const path = join(dir, trainName);
  return new UserError(
    `${path}: wanted class folders (${trainName}/<class>/*), got none. For images without labels, give ${path} itself`,
  );
}

function quote(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `"${name}"`);
  return names.length > 5 ? `${shown.join(', ')} and ${names.length - 5} more` : shown.join(', ');
}
