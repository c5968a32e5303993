import { join } from 'node:path';
import { sortByCodePoint } from '../dataset.ts';
import type { Part } from '../layout.ts';
import type { Listing } from './listingNode.ts';

interface Walk {
  readonly dir: string;
  readonly listing: Listing;
  /** Told of each image by its path from `dir`. */
  readonly found: (path: string) => void;
}

/** The images of the class folders `names` of `dir/part`, with the folders' names as labels. */
export async function readLabelled(
  dir: string,
  part: string,
  names: readonly string[],
  listing: Listing,
): Promise<Part> {
  const paths: string[] = [];
  const labels: string[] = [];
  for (const name of inPathOrder([], names)) {
    const label = name.slice(0, -1);
    const found = (path: string) => {
      paths.push(flat(path));
      labels.push(label);
    };
    await imagesBelow({ dir, listing, found }, below(part, label), []);
  }
  return { paths, labels };
}

/** How many images lie in `dir/path`. */
export async function countImages(dir: string, path: string, listing: Listing): Promise<number> {
  let count = 0;
  await imagesBelow({ dir, listing, found: () => count++ }, path, []);
  return count;
}

/** A path below another, which may be none. */
export const below = (part: string, name: string): string => (part === '' ? name : `${part}/${name}`);

/**
 * Images at any depth, in the order of their paths. `above` holds what the folders on the way here are: a link back to one of them
 * is not followed.
 */
async function imagesBelow(walk: Walk, relative: string, above: readonly string[]): Promise<void> {
  const path = join(walk.dir, relative);
  const here = walk.listing.watch(path);
  if (above.includes(here)) return;
  const { folders, images } = await walk.listing.read(path);
  for (const name of inPathOrder(images, folders)) {
    if (name.endsWith('/')) await imagesBelow(walk, `${relative}/${name.slice(0, -1)}`, [...above, here]);
    else walk.found(`${relative}/${name}`);
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

export async function hasImage(path: string, listing: Listing, depth = 0): Promise<boolean> {
  const { folders, images } = await listing.folder(path);
  if (images.length > 0) return true;
  for (const name of depth < 8 ? folders : []) if (await hasImage(join(path, name), listing, depth + 1)) return true;
  return false;
}

/** The folders of `dir/part` that hold images at any depth. */
export async function filledFolders(dir: string, part: string, listing: Listing): Promise<string[]> {
  const filled: string[] = [];
  for (const name of (await listing.top(join(dir, part))).folders)
    if (await hasImage(join(dir, part, name), listing)) filled.push(name);
  return filled;
}
