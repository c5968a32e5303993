import { createReadStream, existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { extract } from 'tar-stream';
import { replaceFolderAtomic } from '../formats/disk/atomicNode.ts';
import { UserError } from '../graph/errors.ts';
import { type SignPhoto, splitByPerson } from './handSignsSplit.ts';

/** Where the archive may lie, beside what is written and beside the project. */
const places = (dir: string): string[] => [
  join(dirname(dir), 'packages/handSigns.tar'),
  '../shared/data/handSigns.tar',
];

interface Photo extends SignPhoto {
  readonly bytes: Buffer;
}

/** Whether the photos are there, or can be written. */
export const handSignsAvailable = (dir: string): boolean => [dir, ...places(dir)].some((place) => existsSync(place));

/**
 * Writes the Sign Language Digits Dataset (Ankara Ayrancı Anadolu High School, Zeynep Dikle and Arda Mavi, Apache License 2.0,
 * arXiv 2011.08927), split by person, as two class folders: `dir` with all of train/ and test/, and `dir`-inner with a part of
 * those people for train/ and others for val/, by which settings are chosen. Folders that are already there are left alone.
 * @throws UserError where the archive is missing or damaged.
 */
export async function writeHandSignsFolder(dir: string, archives = places(dir)): Promise<void> {
  const inner = `${dir}-inner`;
  if (existsSync(dir) && existsSync(inner)) return;
  const { train, inner: choose, test } = splitByPerson(await readPhotos(archives));
  if (!existsSync(dir)) await writeParts(dir, { train: [...train, ...choose], test });
  if (!existsSync(inner)) await writeParts(inner, { train, val: choose });
}

const writeParts = (dir: string, parts: Readonly<Record<string, readonly Photo[]>>): Promise<void> =>
  replaceFolderAtomic(dir, async (folder) => {
    for (const [part, photos] of Object.entries(parts))
      for (const { label, name, bytes } of photos) {
        const path = join(folder, part, label);
        await mkdir(path, { recursive: true });
        await writeFile(join(path, name), bytes);
      }
  });

async function readPhotos(archives: readonly string[]): Promise<Photo[]> {
  const archive = archives.find((path) => existsSync(path));
  if (archive === undefined)
    throw new UserError(
      `prepare: handSigns: wanted the photos as ${archives[0]}, got no such file; pack the folder Dataset of the GitHub repository ardamavi/Sign-Language-Digits-Dataset as handSigns/<class>/<name>.jpg in a tar file there`,
    );
  const photos: Photo[] = [];
  try {
    for await (const entry of createReadStream(archive).pipe(extract())) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      const [, label, name] = /([0-9])\/(IMG_\d+\.jpg)$/i.exec(entry.header.name) ?? [];
      if (label && name) photos.push({ label, name, bytes: Buffer.concat(chunks) });
    }
  } catch (error) {
    throw new UserError(`${archive}: wanted a tar file, got: ${(error as Error).message}; obtain it again`);
  }
  if (photos.length === 0)
    throw new UserError(`${archive}: wanted photos as handSigns/<class>/IMG_<number>.jpg, got none; obtain it again`);
  return photos;
}
