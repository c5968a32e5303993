/** Files that were dropped or picked, by the class that their folders say. */

export type FilesByFolder = Readonly<Record<string, readonly File[]>>;

interface Found {
  readonly folder: string;
  readonly file: File;
}

const isPicture = ({ name, type }: File): boolean =>
  type.startsWith('image/') || /\.(jpe?g|png|webp|gif|bmp|avif)$/i.test(name);

/** Of a picked folder. A picture's class is the folder that it lies in. */
export const ofPicked = (files: Iterable<File>): FilesByFolder =>
  grouped(
    [...files].map((file) => {
      const path = file.webkitRelativePath.split('/');
      return { folder: path.at(-2) ?? '', file };
    }),
  );

/** Of a drop: folders are walked, single files have no class (``). Entries must be asked for before the event is over. */
export async function ofDrop(transfer: DataTransfer): Promise<FilesByFolder> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const found: Found[] = [];
  for (const entry of entries) found.push(...(await walk(entry, '')));
  return grouped(found);
}

async function walk(entry: FileSystemEntry, folder: string): Promise<Found[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ folder, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Found[] = [];
  // A reader gives a hundred at a time, and none when there are no more.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const one of some) found.push(...(await walk(one, entry.name)));
  }
}

const counting = new Intl.Collator('en', { numeric: true });

function grouped(found: readonly Found[]): FilesByFolder {
  const groups = new Map<string, File[]>();
  for (const { folder, file } of found)
    if (isPicture(file)) groups.get(folder)?.push(file) ?? groups.set(folder, [file]);
  return Object.fromEntries([...groups].sort(([a], [b]) => counting.compare(a, b)));
}
