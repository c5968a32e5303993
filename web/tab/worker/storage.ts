/** Files of the page in the origin private file system, beside the runs of the library. */
const ROOT = 'understudy/page';

const quota = (error: unknown): unknown =>
  error instanceof DOMException && error.name === 'QuotaExceededError'
    ? new Error('This browser gives the page no more room. Remove pictures, or earlier trainings, and try again.')
    : error;

/** @throws Error where the browser has no such files, with what to do. */
export async function folderAt(path: string, create = true): Promise<FileSystemDirectoryHandle> {
  if (!navigator.storage?.getDirectory)
    throw new Error(
      'This browser keeps no files for this page. Use a current Chrome, Edge, Firefox or Safari, outside private windows, and open the page over https or from localhost.',
    );
  let folder = await navigator.storage.getDirectory();
  for (const part of path.split('/').filter(Boolean)) folder = await folder.getDirectoryHandle(part, { create });
  return folder;
}

const split = (path: string): [folder: string, name: string] => {
  const cut = path.lastIndexOf('/');
  return [`${ROOT}/${path.slice(0, Math.max(0, cut))}`, path.slice(cut + 1)];
};

/** The old bytes or the new ones, whatever happens in between. */
export async function write(path: string, content: Blob | string): Promise<void> {
  const [folder, name] = split(path);
  const file = await (await folderAt(folder)).getFileHandle(name, { create: true });
  const writable = await file.createWritable();
  try {
    await writable.write(content);
    await writable.close();
  } catch (error) {
    await writable.abort().catch(() => undefined);
    throw quota(error);
  }
}

export async function read(path: string): Promise<File | undefined> {
  const [folder, name] = split(path);
  return absentAsUndefined(async () => (await (await folderAt(folder)).getFileHandle(name)).getFile());
}

export async function list(path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const name of (await folderAt(`${ROOT}/${path}`)).keys()) names.push(name);
  return names;
}

export async function remove(path: string): Promise<void> {
  const [folder, name] = split(path);
  await absentAsUndefined(async () => (await folderAt(folder)).removeEntry(name, { recursive: true }));
}

/** A file that a run of the library has written. */
export async function readOfRun(run: string, path: string): Promise<File | undefined> {
  return absentAsUndefined(async () =>
    (await (await folderAt(`understudy/runs/${run}`, false)).getFileHandle(path)).getFile(),
  );
}

async function absentAsUndefined<T>(found: () => Promise<T>): Promise<T | undefined> {
  try {
    return await found();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return undefined;
    throw error;
  }
}
