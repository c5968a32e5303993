import { join } from 'node:path';
import { brief, UserError } from '../graph/errors.ts';
import { sortByCodePoint } from './dataset.ts';
import { imageExtensions } from './imageNames.ts';
import { type Layout, type Part, VAL_NAMES } from './layout.ts';
import type { Listing } from './listingNode.ts';

export const layouts = 'train/<class>/* with val/<class>/*, or <class>/*, or images without classes';

/**
 * The images below `dir`. Layouts: `train/<class>/*` with `val` (or valid, validation, test), `<class>/*`, or a flat folder of
 * unlabelled images. Folders inside a class belong to that class; hidden entries and files that are no images are ignored;
 * links are followed. Nothing is asked of a file but its name, and one folder's names are in memory at a time beside the list.
 * @throws UserError where the folder does not hold a usable data set.
 */
export async function readFolderLayout(dir: string, listing: Listing): Promise<Layout> {
  const root = await listing.top(dir);
  const trainName = root.folders.find((name) => name.toLowerCase() === 'train');
  const valName = VAL_NAMES.flatMap((want) => root.folders.filter((name) => name.toLowerCase() === want))[0];
  const train = trainName === undefined ? undefined : await listing.top(join(dir, trainName));
  if (trainName !== undefined && train && train.folders.length > 0) {
    const { classes, part } = await readClasses(dir, trainName, listing);
    if (valName === undefined) return { root: dir, train: part };
    return { root: dir, train: part, val: await readVal(dir, valName, classes, trainName, listing) };
  }
  if (train && valName !== undefined) throw flatTrain(dir, trainName!);
  for (const name of root.folders)
    if (await hasImage(join(dir, name), listing))
      return { root: dir, train: (await readClasses(dir, '', listing)).part };
  if (root.images.length === 0)
    throw new UserError(`${dir}: wanted images (${imageExtensions.join(', ')}) as ${layouts}; got no image at all`);
  return { root: dir, train: { paths: root.images, labels: root.images.map(() => undefined) } };
}

/** Whether images lie in two class folders or more, of `dir` or of its folder train. */
export async function holdsClassFolders(dir: string, listing: Listing): Promise<boolean> {
  const { folders } = await listing.top(dir);
  const train = folders.find((name) => name.toLowerCase() === 'train');
  if (train !== undefined && (await holdsClassFolders(join(dir, train), listing))) return true;
  let found = 0;
  for (const name of folders) if ((await hasImage(join(dir, name), listing)) && ++found === 2) return true;
  return false;
}

/** The class folders of `dir/part` with all their images; an empty class and a lone class are errors. */
async function readClasses(
  dir: string,
  part: string,
  listing: Listing,
): Promise<{ classes: readonly string[]; part: Part }> {
  const base = join(dir, part);
  const classes = (await listing.top(base)).folders;
  const found = await readLabelled(dir, part, classes, listing);
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

async function readVal(
  dir: string,
  valName: string,
  classes: readonly string[],
  trainName: string,
  listing: Listing,
): Promise<Part> {
  const base = join(dir, valName);
  const names = (await listing.top(base)).folders;
  const known = new Set(classes);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new UserError(
      `${base}: wanted only classes of ${trainName}/, got ${quote(unknown)}, not among ${quote(classes)}. ` +
        'Rename or delete these folders, or add them to the training images',
    );
  const found = await readLabelled(dir, valName, names, listing);
  if (found.paths.length === 0)
    throw new UserError(`${base}: wanted images in class folders, got none. Delete ${valName}/ to get a seeded split`);
  return found;
}

interface Found {
  readonly paths: string[];
  readonly labels: string[];
}

async function readLabelled(dir: string, part: string, names: readonly string[], listing: Listing): Promise<Part> {
  const found: Found = { paths: [], labels: [] };
  const walk = { dir, listing, found };
  for (const name of inPathOrder([], names)) {
    const label = name.slice(0, -1);
    await imagesBelow(walk, part === '' ? label : `${part}/${label}`, label, []);
  }
  return found;
}

interface Walk {
  readonly dir: string;
  readonly listing: Listing;
  readonly found: Found;
}

/**
 * Images at any depth, in the order of their paths. `above` holds what the folders on the way here are: a link back to one of them
 * is not followed.
 */
async function imagesBelow(walk: Walk, relative: string, label: string, above: readonly string[]): Promise<void> {
  const path = join(walk.dir, relative);
  const here = walk.listing.watch(path);
  if (above.includes(here)) return;
  const { folders, images } = await walk.listing.read(path);
  for (const name of inPathOrder(images, folders)) {
    if (name.endsWith('/')) await imagesBelow(walk, `${relative}/${name.slice(0, -1)}`, label, [...above, here]);
    else {
      walk.found.paths.push(flat(`${relative}/${name}`));
      walk.found.labels.push(label);
    }
  }
}

/** The names in the code-point order of the paths below them: folders, with `/` at the end, stand where their images stand. */
function inPathOrder(images: readonly string[], folders: readonly string[]): readonly string[] {
  if (folders.length === 0) return images;
  const names = [...images, ...folders.map((name) => `${name}/`)];
  sortByCodePoint(names);
  return names;
}

const scratch = Buffer.allocUnsafe(4096);

/** The same text as one string: V8 keeps a sum of strings as a tree, which is twice as large. */
function flat(text: string): string {
  const length = 3 * text.length > scratch.length ? 0 : scratch.write(text, 0, 'utf8');
  return length === text.length ? scratch.toString('latin1', 0, length) : text;
}

async function hasImage(path: string, listing: Listing, depth = 0): Promise<boolean> {
  const { folders, images } = await listing.folder(path);
  if (images.length > 0) return true;
  for (const name of depth < 8 ? folders : []) if (await hasImage(join(path, name), listing, depth + 1)) return true;
  return false;
}

function flatTrain(dir: string, trainName: string): UserError {
  const path = join(dir, trainName);
  return new UserError(
    `${path}: wanted class folders (${trainName}/<class>/*), got none. For images without labels, give ${path} itself`,
  );
}

export function quote(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `"${brief(name)}"`);
  return names.length > 5 ? `${shown.join(', ')} and ${names.length - 5} more` : shown.join(', ');
}
