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
  };
}
