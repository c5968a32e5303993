import { join } from 'node:path';
import { UserError } from '../../graph/errors.ts';
import { below, countImages, hasImage, readLabelled } from './folderWalkNode.ts';
import { checkNesting, splitWithin } from './folderNesting.ts';
import { imageExtensions } from '../images/imageNames.ts';
import { type Layout, layouts, type Part, quote } from '../layout.ts';
import type { Listing } from './listingNode.ts';
import { isAside, type PartName, partOfWord, VAL_NAMES } from './partNames.ts';

/** A place that is read, and what is told of it. */
interface Reading {
  readonly dir: string;
  readonly listing: Listing;
  readonly notes: string[];
}

/** A folder that is a part by its name; its path is from `dir`. */
interface PartFolder {
  readonly path: string;
  readonly name: string;
  readonly part: PartName;
}

/**
 * The images below `dir`. Layouts: `train/<class>/*` with a validation part, `<class>/*`, or a flat folder of unlabelled images.
 * Parts are known by their names as people write them (partNames.ts). Folders inside a class belong to that class; hidden entries
 * and files that are no images are ignored; links are followed. Nothing is asked of a file but its name, and one folder's names are
 * in memory at a time beside the list. What is left out is told in the notes.
 * @throws UserError where the folder does not hold a usable data set, or may be read in two ways that differ.
 */
export async function readFolderLayout(dir: string, listing: Listing): Promise<Layout> {
  const reading: Reading = { dir, listing, notes: [] };
  const base = await unwrapped(reading, '', false);
  const root = await listing.top(join(dir, base));
  const named = partsOf(base, root.folders);
  const train = theTrainingPart(dir, named);
  const found =
    (train && (await readParts(reading, base, train, named, root.folders))) ?? (await readClassFolders(reading, base));
  if (found) return { root: dir, ...found, notes: reading.notes };
  if (root.images.length === 0)
    throw new UserError(`${dir}: wanted images (${imageExtensions.join(', ')}) as ${layouts}; got no image at all`);
  const paths = root.images.map((name) => below(base, name));
  return { root: dir, train: { paths, labels: paths.map(() => undefined) }, notes: reading.notes };
}

/** Whether images lie in two class folders or more, of `dir` or of its training part. */
export async function holdsClassFolders(dir: string, listing: Listing): Promise<boolean> {
  const { folders } = await listing.top(dir);
  const train = partsOf('', folders).find(({ part }) => part === 'train');
  if (train && (await holdsClassFolders(join(dir, train.name), listing))) return true;
  let found = 0;
  for (const name of folders)
    if (!partOfWord(name) && !isAside(name) && (await hasImage(join(dir, name), listing)) && ++found === 2) return true;
  return false;
}

const partsOf = (base: string, folders: readonly string[]): PartFolder[] =>
  folders.flatMap((name) => {
    const part = partOfWord(name);
    return part === undefined ? [] : [{ path: below(base, name), name, part }];
  });

/** The plainest name is meant where there are several: train before seg_train. */
function theTrainingPart(dir: string, named: readonly PartFolder[]): PartFolder | undefined {
  const [best, second] = named
    .filter(({ part }) => part === 'train')
    .sort((a, b) => plainness(a.name) - plainness(b.name));
  if (best && second && plainness(best.name) === plainness(second.name))
    throw new UserError(
      `${dir}: wanted one folder for training, got ${quote([best.name, second.name])}. Give the one that is meant, or several as places of one data set: --data "[${join(dir, best.name)}, ${join(dir, second.name)}]"`,
    );
  return best;
}

const plainness = (name: string): number => ['train', 'training'].indexOf(name.toLowerCase()) + 1 || 3;

/** A folder that holds one folder alone, which holds the folders that matter (an archive unpacked, seg_train/seg_train), is passed. */
async function unwrapped(reading: Reading, path: string, quiet: boolean): Promise<string> {
  const { folders, images } = await reading.listing.top(join(reading.dir, path));
  const [only, ...more] = folders.filter((name) => !isAside(name));
  if (images.length > 0 || only === undefined || more.length > 0 || (partOfWord(only) === 'train' && !quiet))
    return path;
  const inner = below(path, only);
  const within = await reading.listing.top(join(reading.dir, inner));
  if (within.images.length > 0 || within.folders.length === 0) return path;
  if (!quiet) reading.notes.push(`${join(reading.dir, inner)} is read, the only folder of ${join(reading.dir, path)}`);
  return unwrapped(reading, inner, quiet);
}

type Parts = Pick<Layout, 'train' | 'val'>;

/** Training and validation images; undefined where the folder called train is no part, but a class. */
async function readParts(
  reading: Reading,
  base: string,
  train: PartFolder,
  named: readonly PartFolder[],
  folders: readonly string[],
): Promise<Parts | undefined> {
  const { dir, listing, notes } = reading;
  const path = await unwrapped(reading, train.path, true);
  const within = await listing.top(join(dir, path));
  const others = named.filter(({ part }) => part !== 'train');
  if (within.folders.length === 0) {
    const classLike = folders.some((name) => !isAside(name) && partOfWord(name) === undefined);
    if (folders.length > 1 && (others.length > 0 || !classLike)) throw flatTrain(join(dir, path));
    return undefined;
  }
  const unnamed = folders.filter((name) => !named.some((one) => one.name === name));
  if (others.length === 0) await checkSiblings(reading, base, train.name, within.folders, unnamed);
  const { classes, part } = await readClasses(reading, path);
  const val = await readVal(reading, others, classes, train.name);
  const rest = [...unnamed, ...named.filter((one) => one !== train && one.part === 'train').map(({ name }) => name)];
  for (const name of rest) {
    const count = await countImages(dir, below(base, name), listing);
    if (count > 0)
      notes.push(`${join(dir, base, name)}: ${imagesOf(count)} left out: it is no part beside ${train.name}/`);
  }
  return val ? { train: part, val } : { train: part };
}

/** Folders beside train/<class>, where nothing says that train is a part and no class. */
async function checkSiblings(
  { dir, listing }: Reading,
  base: string,
  train: string,
  classes: readonly string[],
  siblings: readonly string[],
): Promise<void> {
  for (const name of siblings.filter((name) => !isAside(name))) {
    const path = join(dir, base, name);
    if (!(await hasImage(path, listing))) continue;
    const { folders } = await listing.folder(path);
    if (folders.some((folder) => classes.includes(folder))) continue;
    throw new UserError(
      `${join(dir, base)}: wanted class folders, or parts as train and val; got ${train}/ with folders (${quote(classes)}) beside ${name}/, so that ${train} may be a part or a class. ` +
        `Give ${join(dir, base, train)} itself if it is the part; rename it (to ${train}s, say) if it is a class`,
    );
  }
}

/** `<class>/*`, with parts inside the classes where all have them; undefined where no folder holds an image. */
async function readClassFolders(reading: Reading, base: string): Promise<Parts | undefined> {
  const { dir, listing, notes } = reading;
  for (const name of (await listing.top(join(dir, base))).folders) {
    if (!(await hasImage(join(dir, base, name), listing))) continue;
    const { part, classes } = await readClasses(reading, base);
    const within = splitWithin(join(dir, base), part, base, notes);
    if (!within) checkNesting(join(dir, base), part, base, classes, notes);
    return within ?? { train: part };
  }
  return undefined;
}

/** The class folders of `dir/part` with all their images; an empty class and a lone class are errors. */
async function readClasses(
  { dir, listing, notes }: Reading,
  part: string,
): Promise<{ classes: readonly string[]; part: Part }> {
  const base = join(dir, part);
  const { folders: classes, images } = await listing.top(base);
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
  tellStrays(base, images, notes);
  return { classes, part: found };
}

function tellStrays(base: string, images: readonly string[], notes: string[]): void {
  if (images.length > 0)
    notes.push(`${base}: ${imagesOf(images.length)} left out, in no class folder (${quote(images)})`);
}

/** The best of the validation parts; those without labels, and the others, are left out and told. */
async function readVal(
  reading: Reading,
  parts: readonly PartFolder[],
  classes: readonly string[],
  trainName: string,
): Promise<Part | undefined> {
  const { dir, listing, notes } = reading;
  const rank = ({ part, name }: PartFolder) =>
    VAL_NAMES.indexOf(part as never) + (part === name.toLowerCase() ? 0 : 0.5);
  let chosen: { readonly part: Part; readonly name: string } | undefined;
  for (const one of [...parts].sort((a, b) => rank(a) - rank(b))) {
    const path = await unwrapped(reading, one.path, true);
    const { folders, images } = await listing.top(join(dir, path));
    const known = new Set(classes.map(composed));
    const bare = folders.length === 0 || (folders.length === 1 && !known.has(composed(folders[0]!)));
    const count = bare || chosen ? await countImages(dir, path, listing) : 0;
    if (chosen) {
      if (count > 0)
        notes.push(`${join(dir, one.path)}: ${imagesOf(count)} left out: ${chosen.name}/ is for validation`);
    } else if (bare && count > 0)
      notes.push(
        `${join(dir, one.path)}: ${imagesOf(count)} left out, without classes (no folders of ${trainName}/). For a model's answers: understudy predict MODEL ${join(dir, one.path)}`,
      );
    else {
      chosen = { part: await readKnown(reading, path, folders, known, trainName), name: one.name };
      tellStrays(join(dir, path), images, notes);
    }
  }
  return chosen?.part;
}

async function readKnown(
  { dir, listing }: Reading,
  path: string,
  names: readonly string[],
  known: ReadonlySet<string>,
  trainName: string,
): Promise<Part> {
  const base = join(dir, path);
  const unknown = names.filter((name) => !known.has(composed(name)));
  if (unknown.length > 0)
    throw new UserError(
      `${base}: wanted only classes of ${trainName}/, got ${quote(unknown)}, not among ${quote([...known])}. ` +
        'Rename or delete these folders, or add them to the training images',
    );
  const found = await readLabelled(dir, path, names, listing);
  if (found.paths.length === 0)
    throw new UserError(`${base}: wanted images in class folders, got none. Delete ${path}/ to get a seeded split`);
  return found;
}

/** An accented letter is one code or two, as the disk has it: Macintosh writes two. */
const composed = (name: string): string => name.normalize('NFC');

const imagesOf = (count: number): string => (count === 1 ? 'one image is' : `${count} images are`);

function flatTrain(path: string): UserError {
  return new UserError(
    `${path}: wanted class folders (<class>/*), got none. For images without labels, give ${path} itself; where a table says their classes, give the table`,
  );
}
