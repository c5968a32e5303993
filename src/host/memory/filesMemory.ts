import { bytesOf, type Contents, joined } from '../../formats/disk/content.ts';
import { UserError } from '../../graph/errors.ts';
import type { RunFiles } from '../files.ts';

/** What survives a process: the bytes of each file by its path, and whether the folder is locked. */
export interface MemoryDisk {
  readonly files: Map<string, Uint8Array>;
  locked: boolean;
}

export const memoryDisk = (): MemoryDisk => ({ files: new Map(), locked: false });

/** A folder in memory. `before` is called before each change, with what it is: one that throws acts as a kill. */
export function memoryFiles(
  name: string,
  disk: MemoryDisk,
  before: (change: string) => void = () => undefined,
): RunFiles {
  const { files } = disk;
  const below = (path: string) => (path === '' ? '' : `${path}/`);
  const append = (path: string, bytes: Uint8Array) => {
    before(`append ${path}`);
    files.set(path, joined([files.get(path) ?? new Uint8Array(0), bytes]));
  };
  return {
    name,
    read: async (path) => files.get(path)?.slice(),
    hasFolder: async (path) => [...files.keys()].some((file) => file.startsWith(below(path))),
    list: async (path) => namesBelow([...files.keys()], below(path)),
    replace: async (path, content) => {
      const bytes = await bytesOf(content);
      before(`replace ${path}`);
      files.set(path, bytes);
    },
    replaceFolder: async (path, contents) => {
      const made = await allBytes(contents);
      before(`replaceFolder ${path}`);
      for (const file of [...files.keys()]) if (file.startsWith(below(path))) files.delete(file);
      for (const [file, bytes] of made) files.set(below(path) + file, bytes);
    },
    append: (path, flags) => {
      if (flags === 'ax' && files.has(path))
        throw new UserError(`${name}/${path}: wanted a new file, got one that is there`);
      append(path, new Uint8Array(0));
      return {
        append: (content) => append(path, typeof content === 'string' ? new TextEncoder().encode(content) : content),
        sync: async () => before(`sync ${path}`),
        close: async () => undefined,
      };
    },
    throwIfLocked: async () => throwIfLocked(name, disk),
    lock: async () => {
      throwIfLocked(name, disk);
      disk.locked = true;
      return async () => {
        disk.locked = false;
      };
    },
  };
}

function throwIfLocked(name: string, { locked }: MemoryDisk): void {
  if (locked) throw new UserError(`${name}: wanted a folder that nobody uses, got one in use`);
}

const namesBelow = (paths: readonly string[], folder: string): string[] =>
  [
    ...new Set(paths.filter((path) => path.startsWith(folder)).map((path) => path.slice(folder.length).split('/')[0]!)),
  ].sort();

async function allBytes(contents: Contents): Promise<[string, Uint8Array][]> {
  const made: [string, Uint8Array][] = [];
  for (const [path, content] of contents) made.push([path, await bytesOf(content)]);
  return made;
}
