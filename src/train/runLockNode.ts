import { randomBytes } from 'node:crypto';
import { link, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../graph/errors.ts';

export const lockName = 'run.lock';

/** Content of run.lock. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
  /** Start of the host and of the process, so that a pid given out again is not taken for the owner; '' where unknown. */
  readonly started: string;
}

/** A lock that holds no owner is being written, or was cut short by a crash; above this age it is the latter. */
const unfinishedMs = 10_000;

/**
 * Lock a folder for this process; a lock whose process is gone is taken over.
 * @returns what gives the lock back.
 * @throws UserError if a live process holds it, or one of another host, which cannot be asked.
 */
export async function takeLock(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, lockName);
  const stale = await throwIfInUse(dir);
  if (stale !== undefined) await removeStale(path, stale, dir);
  // The id makes this lock unlike every other, also one of this very process.
  const id = randomBytes(6).toString('hex');
  const text = `${JSON.stringify({ ...(await thisProcess()), id })}\n`;
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw inUse(dir, parseOwner(await readLock(path)));
  }
  return async () => {
    if ((await readLock(path)) === text) await unlink(path);
  };
}

/**
 * Look at a folder's lock without touching it.
 * @returns the text of a stale lock, undefined where there is none.
 * @throws UserError as `takeLock`.
 */
export async function throwIfInUse(dir: string): Promise<string | undefined> {
  const path = join(dir, lockName);
  const text = await readLock(path);
  if (text === undefined) return undefined;
  const owner = parseOwner(text);
  if (owner === undefined) {
    const age = Date.now() - (await stat(path)).mtimeMs;
    if (age < unfinishedMs) throw inUse(dir, owner);
  } else if (await mayBeAlive(owner)) throw inUse(dir, owner);
  return text;
}

/** This process, as a lock names it. */
export async function thisProcess(): Promise<LockOwner> {
  return { pid: process.pid, host: hostname(), started: await processStart(process.pid) };
}

/** Renamed before it is deleted: of two processes that saw the same stale lock, the second finds another text and stops. */
async function removeStale(path: string, stale: string, dir: string): Promise<void> {
  const aside = `${path}.tmp-${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw inUse(dir, undefined);
    throw error;
  }
  const moved = await readLock(aside);
  if (moved !== stale) await link(aside, path).catch(() => {});
  await unlink(aside);
  if (moved !== stale) throw inUse(dir, parseOwner(moved));
}

async function mayBeAlive({ pid, host, started }: LockOwner): Promise<boolean> {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = await processStart(pid);
  return started === '' || now === '' || started === now;
}

/** Linux: the boot's id and the process's start in clock ticks since then (proc(5), stat field 22). '' elsewhere. */
async function processStart(pid: number): Promise<string> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Field 2, the command in brackets, may hold spaces; field 3 follows its last bracket.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    // A zombie keeps its pid until its parent asks for it, but it writes nothing any more.
    return fields[0] === 'Z' ? 'ended' : `${boot.trim()}/${fields[19]}`;
  } catch {
    return '';
  }
}

async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function parseOwner(text: string | undefined): LockOwner | undefined {
  try {
    const { pid, host, started } = JSON.parse(text ?? '') as Partial<LockOwner>;
    const fits = Number.isSafeInteger(pid) && pid! > 0 && typeof host === 'string' && typeof started === 'string';
    return fits ? { pid: pid!, host, started } : undefined;
  } catch {
    return undefined;
  }
}

function inUse(dir: string, owner: LockOwner | undefined): UserError {
  const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  const elsewhere = owner !== undefined && owner.host !== hostname();
  const path = join(dir, lockName);
  const remedy = elsewhere ? `Wait for it, or delete ${path} if it is gone` : 'Wait for it, stop it';
  return new UserError(
    `${dir}: wanted a folder that no run is using, got one in use by ${who}. ${remedy}, or use another \`--out\`.`,
  );
}
