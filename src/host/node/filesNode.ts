import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  findFolder,
  isTemporary,
  recoverFolder,
  removeStaleTemps,
  replaceFolderAtomic,
  writeFileAtomic,
} from '../../formats/disk/atomicNode.ts';
import { fileError } from '../../formats/disk/fileErrorNode.ts';
import { lockFolder, lockName, throwIfInUse } from '../../formats/disk/folderLockNode.ts';
import type { Lock } from '../../formats/disk/lockNode.ts';
import { makeFolder } from '../../formats/disk/makeFolderNode.ts';
import type { RunFiles } from '../files.ts';
import { openAppendFile } from './appendFileNode.ts';

/**
 * A folder of Node's file system. Nothing is made before something is written. `covers` is a lock of a larger thing that the folder
 * is a part of: it is asked too before anything is put in place.
 */
export function nodeFiles(dir: string, covers?: Lock): RunFiles {
  let held = covers;
  return {
    name: dir,
    read: (path) => readWhole(join(dir, path)),
    hasFolder: async (path) => (await findFolder(join(dir, path))) !== undefined,
    list: (path) => namesIn(join(dir, path)),
    replace: (path, content) => writeFileAtomic(join(dir, path), content, { lock: held }),
    replaceFolder: (path, contents) =>
      replaceFolderAtomic(
        join(dir, path),
        async (folder) => {
          for (const [name, content] of contents) await writeFileAtomic(join(folder, name), content);
        },
        held ? { lock: held } : {},
      ),
    append: (path, flags) => openAppendFile(join(dir, path), flags),
    throwIfLocked: () => throwIfInUse(dir),
    lock: async (folders) => {
      await covers?.check();
      const lock = await lockAndMend(dir, folders);
      held = covers ? bothOf(covers, lock) : lock;
      return () => lock.release();
    },
  };
}

const bothOf = (covers: Lock, own: Lock): Lock => ({
  check: async () => {
    await covers.check();
    await own.check();
  },
  release: own.release,
});

async function lockAndMend(dir: string, folders: readonly string[]): Promise<Lock> {
  makeFolder(dir);
  const lock = await lockFolder(dir);
  try {
    await removeStaleTemps(dir);
    for (const folder of folders) await recoverFolder(join(dir, folder));
  } catch (error) {
    await lock.release();
    throw error;
  }
  return lock;
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).filter((name) => name !== lockName && !isTemporary(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw fileError(error, dir, 'use it as run folder');
  }
}

/** In pieces, because one read call takes at most 2 GiB. */
async function readWhole(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; ) {
        const { bytesRead } = await file.read(bytes, at, Math.min(size - at, 2 ** 30), at);
        if (bytesRead === 0) return bytes.slice(0, at);
        at += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(error, path, 'read it');
  }
}
