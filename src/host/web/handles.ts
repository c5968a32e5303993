/** The parts of a browser's file system that are used: the origin private file system of a page, or a picked folder. */
export interface FileHandle {
  readonly kind: 'file';
  readonly name: string;
  getFile(): Promise<{ readonly size: number; arrayBuffer(): Promise<ArrayBuffer> }>;
  /** Writes into a copy, which takes the file's place at `close`. */
  createWritable(): Promise<{
    write(bytes: Uint8Array): Promise<void>;
    close(): Promise<void>;
    abort(): Promise<void>;
  }>;
  /** In dedicated workers alone. */
  createSyncAccessHandle?(): Promise<SyncHandle>;
}

export interface SyncHandle {
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

export interface FolderHandle {
  readonly kind: 'directory';
  readonly name: string;
  getDirectoryHandle(name: string, options?: { readonly create?: boolean }): Promise<FolderHandle>;
  getFileHandle(name: string, options?: { readonly create?: boolean }): Promise<FileHandle>;
  removeEntry(name: string, options?: { readonly recursive?: boolean }): Promise<void>;
  entries(): AsyncIterableIterator<[string, FolderHandle | FileHandle]>;
}

/** Where an entry is not there, undefined. */
export async function orAbsent<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (['NotFoundError', 'TypeMismatchError'].includes((error as Error).name)) return undefined;
    throw error;
  }
}

/** The folder at a path below another. */
export async function folderAt(root: FolderHandle, path: string, create: boolean): Promise<FolderHandle | undefined> {
  let folder: FolderHandle | undefined = root;
  for (const part of path.split('/').filter(Boolean))
    folder = folder && (await orAbsent<FolderHandle>(folder.getDirectoryHandle(part, { create })));
  return folder;
}

/** A path's folder and its name in it. */
export function splitPath(path: string): readonly [folder: string, name: string] {
  const cut = path.lastIndexOf('/');
  return [cut < 0 ? '' : path.slice(0, cut), path.slice(cut + 1)];
}

export async function fileAt(root: FolderHandle, path: string, create: true): Promise<FileHandle>;
export async function fileAt(root: FolderHandle, path: string, create: false): Promise<FileHandle | undefined>;
export async function fileAt(root: FolderHandle, path: string, create: boolean): Promise<FileHandle | undefined> {
  const [folder, name] = splitPath(path);
  const found = await folderAt(root, folder, create);
  return found && orAbsent(found.getFileHandle(name, { create }));
}
