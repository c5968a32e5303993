import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { MachineError, UserError } from '../../graph/errors.ts';
import type { Content } from './content.ts';
import { fileError } from './fileErrorNode.ts';
import { type Lock, takeLock } from './lockNode.ts';
import { makeFolder } from './makeFolderNode.ts';
import { isAlive, processPlace, startTicks, thisProcess } from './processNode.ts';

/**
 * Called after each step that changes the disk, for tests: a hook that never settles leaves the disk as a kill there
 * would, one that throws acts as a failed write.
 */
export type AtomicHook = (step: AtomicStep) => void | Promise<void>;

export type AtomicStep = 'created' | 'written' | 'synced' | 'oldMoved' | 'newMoved' | 'done';

export interface AtomicOptions {
  readonly hook?: AtomicHook;
  /** A lock that covers the file: asked before the file is put in place. */
  readonly lock?: Lock | undefined;
}

export interface ReplaceOptions {
  readonly hook?: AtomicHook;
  /** A lock that covers the folder; without one the folder has its own beside it while it is written: `NAME.lock`. */
  readonly lock?: Lock;
}

/**
 * Write a file so that at any kill `path` holds either its old bytes or all of the new ones.
 * A kill can leave a temporary file beside it; `removeStaleTemps` removes those.
 * @throws UserError if the disk refuses (full, read-only, no permission), or the lock is another's by now; the old file is whole
 * then.
 */
export async function writeFileAtomic(
  path: string,
  content: Content,
  { hook = ignore, lock }: AtomicOptions = {},
): Promise<void> {
  const temporary = temporaryName(path);
  try {
    makeFolder(dirname(path));
    await writeSynced(temporary, content, hook);
    await lock?.check();
    await rename(temporary, path);
    await hook('newMoved');
    await syncPath(dirname(path));
    await hook('done');
  } catch (error) {
    await rm(temporary, { force: true }).catch(ignore);
    throw fileError(error, path, 'write it');
  }
}

/**
 * Fill a temporary folder and put it in the place of `finalDir`, so that at any kill either the old or the new folder
 * is complete: as `finalDir`, or for an instant as `finalDir.old`, which `recoverFolder` puts back. One writer at a time: a
 * lock keeps others out.
 * @throws UserError if the disk refuses, or another process writes the folder; the old folder is whole and in place then. Errors
 * of `fill` pass through.
 */
export async function replaceFolderAtomic(
  finalDir: string,
  fill: (temporaryDir: string) => Promise<void>,
  { hook = ignore, lock }: ReplaceOptions = {},
): Promise<void> {
  const held = lock ?? (await lockBeside(finalDir));
  try {
    await replaceLocked(finalDir, fill, held, hook);
  } finally {
    if (lock === undefined) await held.release();
  }
}

/**
 * The lock of a folder that is replaced as a whole, so that it cannot lie inside. Makes the folders above.
 * @throws InUse if another process has it.
 */
export async function lockBeside(dir: string): Promise<Lock> {
  makeFolder(dirname(resolve(dir)));
  return takeLock(`${resolve(dir)}.lock`, { place: dir, instead: 'choose another folder' });
}

async function replaceLocked(
  finalDir: string,
  fill: (temporaryDir: string) => Promise<void>,
  lock: Lock,
  hook: AtomicHook,
): Promise<void> {
  const temporary = temporaryName(finalDir);
  try {
    await recoverFolder(finalDir);
    makeFolder(temporary);
    await hook('created');
    await fill(temporary);
    await hook('written');
    await syncTree(temporary);
    await hook('synced');
    await lock.check();
    await swapFolders(temporary, finalDir, hook);
    await hook('done');
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(ignore);
    throw fileError(nameFor(error, temporary, finalDir), finalDir, 'save it');
  }
}

/** Users know the folder by its own name. */
function nameFor(error: unknown, temporary: string, finalDir: string): unknown {
  if (!(error instanceof UserError) || !error.message.includes(basename(temporary))) return error;
  const Same = error instanceof MachineError ? MachineError : UserError;
  return new Same(error.message.replaceAll(basename(temporary), basename(finalDir)), { cause: error.cause });
}

/**
 * Undo a kill in the middle of `replaceFolderAtomic`: call it before the first use of `finalDir`, with no writer running.
 * @returns 'missing' where there is neither a new nor an old folder; 'restored' where the old one was put back.
 */
export async function recoverFolder(finalDir: string): Promise<'present' | 'restored' | 'missing'> {
  const old = oldName(finalDir);
  try {
    await removeStaleTemps(dirname(finalDir), basename(finalDir));
    if (await exists(finalDir)) {
      await rm(old, { recursive: true, force: true });
      return 'present';
    }
    if (!(await exists(old))) return 'missing';
    await rename(old, finalDir);
    await syncPath(dirname(finalDir));
    return 'restored';
  } catch (error) {
    throw fileError(error, finalDir, 'recover it');
  }
}

/** Where the complete folder is now, for readers: `finalDir`, or `finalDir.old` after a kill. Changes nothing. */
export async function findFolder(finalDir: string): Promise<string | undefined> {
  // Looked up a second time because a writer may swap between the two looks.
  for (const path of [finalDir, oldName(finalDir), finalDir]) if (await exists(path)) return path;
  return undefined;
}

/** Random digits, and since releases of this kind who writes it: pid, its start, and where pids mean the same. */
const TEMPORARY = /\.tmp-[0-9a-f]{12}(?:-(\d+)-(\d+)-([0-9a-f]{8}))?$/;

/** Whether a name is that of a file or folder which is being written, or whose writer was killed. */
export const isTemporary = (name: string): boolean => TEMPORARY.test(name);

/** One that nobody can ask after is given up when its writer did not touch it for so long. Our choice. */
const ABANDONED_MS = 3_600_000;

/**
 * Remove what killed writers left in `dir`: temporary files and folders, of the one name `of` where given. What another live
 * process writes stays. This process's own go too: the caller has the folder to itself.
 */
export async function removeStaleTemps(dir: string, of?: string): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  for (const name of names) {
    if (!isTemporary(name) || (of !== undefined && name.replace(TEMPORARY, '') !== of)) continue;
    if (await isStale(join(dir, name))) await rm(join(dir, name), { recursive: true, force: true });
  }
}

async function isStale(path: string): Promise<boolean> {
  const [, pid, ticks, place] = TEMPORARY.exec(path)!;
  if (pid === undefined) return true;
  if (place === processPlace()) {
    const here = thisProcess();
    if (Number(pid) === here.pid) return true;
    const started = here.started === '' ? '' : `${here.started.split('/')[0]}/${ticks}`;
    return isAlive({ ...here, pid: Number(pid), started }) === false;
  }
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
  return Date.now() - mtimeMs > ABANDONED_MS;
}

function oldName(finalDir: string): string {
  return `${finalDir}.old`;
}

function temporaryName(path: string): string {
  return `${path}.tmp-${randomBytes(6).toString('hex')}-${process.pid}-${startTicks(process.pid)}-${processPlace()}`;
}

async function swapFolders(temporary: string, finalDir: string, hook: AtomicHook): Promise<void> {
  const old = oldName(finalDir);
  const replaces = await exists(finalDir);
  if (replaces) await rename(finalDir, old);
  try {
    await hook('oldMoved');
    await rename(temporary, finalDir);
  } catch (error) {
    if (replaces) await rename(old, finalDir);
    throw error;
  }
  await hook('newMoved');
  // The renames must be on the disk before the old folder goes, or a power cut could leave neither.
  await syncPath(dirname(finalDir));
  await rm(old, { recursive: true, force: true });
}

async function writeSynced(path: string, content: Content, hook: AtomicHook) {
  const file = await open(path, 'wx');
  try {
    await hook('created');
    const chunks = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
    for await (const chunk of chunks) await file.writeFile(chunk);
    await hook('written');
    await file.sync();
  } finally {
    await file.close();
  }
  await hook('synced');
}

async function syncTree(dir: string): Promise<void> {
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) await syncPath(path);
  }
  await syncPath(dir);
}

/** fsync. Windows and some network file systems cannot sync a folder, or a file opened for reading; that is no failure. */
async function syncPath(path: string): Promise<void> {
  const cannot = new Set(['EPERM', 'EISDIR', 'EINVAL', 'ENOTSUP', 'EBADF']);
  try {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!cannot.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

function ignore(): void {}
