import { UserError } from '../graph/errors.ts';
import { compareCodePoints } from './dataset.ts';
import type { ImageSource, SourceImage } from './imageSource.ts';

/** Image files by class: picked, dropped or filmed. A `File` is told by its name. */
export type BlobsByClass = Readonly<Record<string, readonly Blob[]>>;

/** Images of a page as a data source; `val` left out: a part of each class is put aside for validation. */
export function imagesOf(
  train: BlobsByClass,
  { val, name = 'images' }: { val?: BlobsByClass; name?: string } = {},
): ImageSource {
  const blobs = new Map<string, Blob>();
  const listed = (part: BlobsByClass, prefix: string): SourceImage[] =>
    Object.entries(part).flatMap(([label, files]) =>
      files.map((file, i) => {
        // Two pictures of a class may have one name, since they may come from two folders.
        const id = `${prefix}${label}/${i}-${'name' in file ? file.name : 'image'}`;
        blobs.set(id, file);
        return { id, label };
      }),
    );
  return {
    name,
    classes: Object.keys(train).sort(compareCodePoints),
    train: listed(train, val ? 'train/' : ''),
    ...(val && { val: listed(val, 'val/') }),
    read: async (id) => new Uint8Array(await blobs.get(id)!.arrayBuffer()),
    where: (id) => blobs.get(id)!,
  };
}

/** A file of a picked folder (`<input webkitdirectory>`, or what was dropped), which knows its path below that folder. */
export type FileOfFolder = Blob & { readonly name: string; readonly webkitRelativePath: string };

/**
 * The images of a picked folder, by the folder that each lies in: FOLDER/CLASS/*, or FOLDER/train/CLASS/* and FOLDER/val/CLASS/*.
 * Files that are no images, and hidden ones, are left out.
 * @throws UserError where no image lies in a class folder.
 */
export function imagesOfFolder(files: readonly FileOfFolder[]): ImageSource {
  const [train, val]: Record<string, Blob[]>[] = [{}, {}];
  const placed = files
    .filter(({ name, type }) => type.startsWith('image/') && !name.startsWith('.'))
    .map((file) => ({ file, inside: file.webkitRelativePath.split('/').slice(1, -1) }));
  const split = placed.some(({ inside }) => inside[0] === 'train' && inside.length > 1);
  for (const { file, inside } of placed) {
    const [part, label] = split ? [inside[0], inside[1]] : ['train', inside[0]];
    const into = part === 'train' ? train! : part === 'val' ? val! : undefined;
    if (!into || label === undefined) continue;
    into[label] ??= [];
    into[label].push(file);
  }
  const name = files[0]?.webkitRelativePath.split('/')[0] || 'images';
  if (Object.keys(train!).length === 0)
    throw new UserError(
      `${name}: wanted images in class folders (${name}/CLASS/*, or ${name}/train/CLASS/*), got ${placed.length} images outside of any`,
    );
  return imagesOf(train!, { name, ...(split && Object.keys(val!).length > 0 && { val: val! }) });
}
