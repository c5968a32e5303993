import type { Picture } from '../protocol.ts';
import { change, changeClass, project, refuseWhileTraining, tell } from './project.ts';
import { read, remove, write } from './storage.ts';

/**
 * Shorter side that a picture is kept at, px. Our choice: no student of the page looks at more than 224 px, and decoding a photo of
 * 12 megapixels in each epoch takes longer than its training step.
 */
const MOST_SIDE = 448;

export interface Added {
  readonly added: number;
  /** Files that are no pictures this browser can read, by name. */
  readonly refused: readonly string[];
}

const fileOf = ({ id }: Picture): string => `pictures/${id}`;

/** Adds a class; a name that is taken gets a number. */
export async function addClass(wanted: string): Promise<string> {
  refuseWhileTraining();
  const id = crypto.randomUUID();
  await change({ classes: [...project().classes, { id, name: freeName(wanted), pictures: [] }] });
  return id;
}

function freeName(wanted: string, except?: string): string {
  const taken = project()
    .classes.filter(({ id }) => id !== except)
    .map(({ name }) => name);
  const base = wanted.trim() || 'Class';
  const names = [...(wanted.trim() ? [base] : []), ...taken.map((_, i) => `${base} ${i + 1}`)];
  return names.find((name) => !taken.includes(name)) ?? `${base} ${taken.length + 1}`;
}

export async function renameClass(id: string, name: string): Promise<void> {
  refuseWhileTraining();
  if (name.trim() === '') return;
  await changeClass(id, (before) => ({ ...before, name: freeName(name, id) }));
}

export async function removeClass(id: string): Promise<void> {
  refuseWhileTraining();
  const gone = project().classes.find((one) => one.id === id);
  await change({ classes: project().classes.filter((one) => one.id !== id) });
  for (const picture of gone?.pictures ?? []) await remove(fileOf(picture));
}

/**
 * Pictures by class name; classes that are not there are made. Files that cannot be decoded are refused by name.
 * @param part of which larger heap these are a part, to tell how far it is.
 */
export async function addPictures(
  byClass: Readonly<Record<string, readonly File[]>>,
  part?: { readonly before: number; readonly of: number },
): Promise<Added> {
  refuseWhileTraining();
  const here = Object.values(byClass).reduce((sum, files) => sum + files.length, 0);
  const of = part?.of ?? here;
  const refused: string[] = [];
  let done = part?.before ?? 0;
  for (const [name, files] of Object.entries(byClass)) {
    const known = project().classes.find((one) => one.name === name)?.id;
    const pictures: Picture[] = [];
    try {
      for (const file of files) {
        const picture = await keep(file);
        if (picture) pictures.push(picture);
        else refused.push(file.name);
        if (++done % 10 === 0) tell({ told: 'adding', done, of });
      }
    } finally {
      // What was kept before the disk was full is not lost.
      if (pictures.length > 0) {
        const id = known ?? (await addClass(name));
        await changeClass(id, (before) => ({ ...before, pictures: [...before.pictures, ...pictures] }));
      }
    }
  }
  return { added: here - refused.length, refused };
}

async function keep(file: File): Promise<Picture | undefined> {
  const small = await decodable(file);
  if (!small) return undefined;
  const picture = { id: crypto.randomUUID(), name: file.name };
  await write(fileOf(picture), small);
  return picture;
}

/** The file itself, or where it is large a smaller one; undefined where the browser cannot decode it. */
async function decodable(file: File): Promise<Blob | undefined> {
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (!bitmap) return undefined;
  try {
    const shorter = Math.min(bitmap.width, bitmap.height);
    if (shorter <= MOST_SIDE) return file;
    const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.round((side * MOST_SIDE) / shorter));
    const canvas = new OffscreenCanvas(width!, height!);
    const context = canvas.getContext('2d')!;
    // JPEG has no transparency; training lays it over white as well.
    context.fillStyle = '#ffffff';
    context.fillRect(0, 0, width!, height!);
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, width!, height!);
    return await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
  } finally {
    bitmap.close();
  }
}

export async function removePicture(classId: string, id: string): Promise<void> {
  refuseWhileTraining();
  await changeClass(classId, (before) => ({ ...before, pictures: before.pictures.filter((one) => one.id !== id) }));
  await remove(`pictures/${id}`);
}

/** The files of pictures, to be shown; one that is gone is left out. */
export async function filesOf(ids: readonly string[]): Promise<Readonly<Record<string, File>>> {
  const found = await Promise.all(ids.map(async (id) => [id, await read(`pictures/${id}`)] as const));
  return Object.fromEntries(found.filter((entry): entry is [string, File] => entry[1] !== undefined));
}

/** All pictures by class, as the library takes them. */
export async function picturesByClass(): Promise<Record<string, File[]>> {
  const classes: Record<string, File[]> = {};
  for (const { name, pictures } of project().classes) {
    const files: File[] = [];
    for (const picture of pictures) {
      const file = await read(fileOf(picture));
      if (file) files.push(new File([file], picture.id));
    }
    classes[name] = files;
  }
  return classes;
}
