import type { Content, Contents } from '../../formats/disk/content.ts';
import { UserError } from '../../graph/errors.ts';
import type { RunFiles } from '../files.ts';
import { appendFileWeb } from './appendFileWeb.ts';
import { type FileHandle, type FolderHandle, fileAt, folderAt, splitPath } from './handles.ts';

/** Keeps others out of a name, other tabs too; undefined where somebody has it. */
export type TakeLock = (name: string) => Promise<(() => Promise<void>) | undefined>;

/** Which folder stands for which: browsers cannot rename folders, so that a new one is written beside the old one. */
const CURRENT = '.folders.json';
type Current = Record<string, number>;

/**
 * A run's folder in a browser's file system. Files are replaced as the browser does it, by a copy that takes their place when it is
 * whole. A folder that is replaced is written as `name~2`, and one small file that is replaced says which number counts.
 */
export async function webFiles(name: string, root: FolderHandle, take: TakeLock): Promise<RunFiles> {
  let current: Current = await readCurrent(root);
  const real = (path: string): string => {
    for (const [folder, number] of Object.entries(current))
      if (path === folder || path.startsWith(`${folder}/`)) return `${folder}~${number}${path.slice(folder.length)}`;
    return path;
  };
  const locked = () =>
    new UserError(`${name}: wanted a folder that nobody uses, got one in use in another tab: close it`);
  return {
    name,
    read: async (path) => {
      const file = await fileAt(root, real(path), false);
      return file && new Uint8Array(await (await file.getFile()).arrayBuffer());
    },
    hasFolder: async (path) => (await folderAt(root, real(path), false)) !== undefined,
    list: async (path) => {
      const folder = await folderAt(root, real(path), false);
      const names = new Set<string>();
      for await (const [entry] of folder?.entries() ?? []) if (entry !== CURRENT) names.add(entry.replace(/~\d+$/, ''));
      return [...names].sort();
    },
    replace: async (path, content) => writeWhole(await fileAt(root, real(path), true), content, `${name}/${path}`),
    replaceFolder: async (path, contents) => {
      const before = current[path];
      const number = (before ?? 0) + 1;
      await writeFolder(root, `${path}~${number}`, contents, name);
      const next = { ...current, [path]: number };
      await writeWhole(await fileAt(root, CURRENT, true), JSON.stringify(next), `${name}/${CURRENT}`);
      current = next;
      await remove(root, before === undefined ? path : `${path}~${before}`);
    },
    append: (path, flags) => appendFileWeb(() => fileAt(root, real(path), true), flags, `${name}/${path}`),
    throwIfLocked: async () => {
      const release = await take(name);
      if (!release) throw locked();
      await release();
    },
    lock: async (folders) => {
      const release = await take(name);
      if (!release) throw locked();
      current = await readCurrent(root);
      for (const folder of folders) await removeStale(root, folder, current[folder]);
      return release;
    },
  };
}

async function readCurrent(root: FolderHandle): Promise<Current> {
  const file = await fileAt(root, CURRENT, false);
  const text = file && new TextDecoder().decode(new Uint8Array(await (await file.getFile()).arrayBuffer()));
  return text ? (JSON.parse(text) as Current) : {};
}

async function writeFolder(root: FolderHandle, path: string, contents: Contents, name: string): Promise<void> {
  await remove(root, path);
  for (const [file, content] of contents)
    await writeWhole(await fileAt(root, `${path}/${file}`, true), content, `${name}/${path}/${file}`);
}

/** The old bytes or the new ones, whatever happens in between. */
async function writeWhole(file: FileHandle, content: Content, path: string): Promise<void> {
  const writable = await file.createWritable();
  try {
    for await (const piece of piecesOf(content)) await writable.write(piece);
    await writable.close();
  } catch (error) {
    await writable.abort().catch(() => undefined);
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${path}: wanted room to write into, got: ${(error as Error).message}. Delete runs that are not needed`,
      { cause: error },
    );
  }
}

async function* piecesOf(content: Content): AsyncGenerator<Uint8Array> {
  if (typeof content === 'string') yield new TextEncoder().encode(content);
  else if (content instanceof Uint8Array) yield content;
  else yield* content;
}

/** What a closed tab left of a replacement. */
async function removeStale(root: FolderHandle, path: string, number: number | undefined): Promise<void> {
  const [folder, last] = splitPath(path);
  const found = await folderAt(root, folder, false);
  const stale: string[] = [];
  for await (const [entry] of found?.entries() ?? [])
    if (entry.startsWith(`${last}~`) && entry !== `${last}~${number}`) stale.push(entry);
  for (const entry of stale) await found!.removeEntry(entry, { recursive: true });
}

async function remove(root: FolderHandle, path: string): Promise<void> {
  const [folder, last] = splitPath(path);
  const found = await folderAt(root, folder, false);
  await found?.removeEntry(last, { recursive: true }).catch(() => undefined);
}
