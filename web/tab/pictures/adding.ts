import { adding, keeper, project } from '../state.ts';
import { count } from '../words.ts';
import type { FilesByFolder } from './dropped.ts';

/** Adds pictures to the classes that their folders name; files without a folder become a class of their own. */
export async function addByFolder(files: FilesByFolder): Promise<void> {
  const loose = project.value!.classes.length + 1;
  await add(
    Object.fromEntries(Object.entries(files).map(([folder, own]) => [folder || `Class ${loose}`, own])),
    'Nothing in there is a picture. Wanted JPEG, PNG, WebP, GIF, BMP or AVIF files, in a folder for each class.',
  );
}

/** @throws Error that names what was left out. */
export async function add(files: FilesByFolder, nothing: string): Promise<void> {
  const all = Object.values(files).reduce((sum, own) => sum + own.length, 0);
  if (all === 0) throw new Error(nothing);
  adding.value = { done: 0, of: all };
  try {
    const { refused } = await keeper.ask('addPictures', files);
    if (refused.length > 0) throw new Error(leftOut(refused, all));
  } finally {
    adding.value = null;
  }
}

/** Files that are no pictures, and what to do. */
export function leftOut(refused: readonly string[], all: number): string {
  const names = refused.slice(0, 3).join(', ');
  const more = refused.length > 3 ? ` and ${refused.length - 3} more` : '';
  return `${count(refused.length, 'file')} of ${all} cannot be read as pictures and ${refused.length === 1 ? 'was' : 'were'} left out: ${names}${more}. Save them anew as JPEG or PNG, or leave them out.`;
}
