import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../graph/errors.ts';
import { fileError } from './fileErrorNode.ts';
import { isAlive, type ProcessName, thisProcess } from './processNode.ts';

/**
 * The one kind of lock: a file that names its owner and is renewed while the owner lives. An owner that can be asked (same machine,
 * boot and pid namespace) is asked. Any other, of a second container or machine on a shared disk, is judged by the renewals.
 */
export interface Lock {
  /** @throws InUse if another process has taken the lock over, because this one was stopped for so long that it was given up. */
  check(): Promise<void>;
  /** Gives the lock back. A second call does nothing. */
  release(): Promise<void>;
}

/** Somebody else has it. */
export class InUse extends UserError {
  override name = 'InUse';
}

/** Milliseconds. Our choice: a lock is renewed often, and given up after many missed renewals. */
export interface LockTimes {
  readonly renew: number;
  /** An owner that cannot be asked and did not renew for so long is gone. */
  readonly silent: number;
  /** A file without an owner is being written by an older release, or was cut short by a crash: above this age it is the latter. */
  readonly unfinished: number;
}

export const TIMES: LockTimes = { renew: 10_000, silent: 120_000, unfinished: 10_000 };

/** What is locked, for messages: the folder's path, and what a user can do besides waiting. */
export interface LockOf {
  readonly place: string;
  readonly instead: string;
}

/**
 * Takes a lock; one whose owner is gone is taken over.
 * @param path of the lock's file; its folder is there.
 * @throws InUse if a live process has it, UserError if the disk refuses.
 */
export const takeLock = (path: string, of: LockOf, times: LockTimes = TIMES): Promise<HeldLock> =>
  takeWhereStale(path, of, times, () => findStale(path, of, times));

/** A lock that tells as soon as a renewal sees that another process has taken it over. */
export interface HeldLock extends Lock {
  readonly lost: AbortSignal;
}

/**
 * Takes a lock whose owner is judged by `findStale`: the text of a lock that is to be taken over, undefined where there is none.
 * @param missing what it means to the holder that the file is gone: kept where only a person takes it away, lost where a second
 * process may have taken it over and given it back since
 * @throws InUse as `findStale` does, or if another process was quicker; UserError if the disk refuses.
 */
export async function takeWhereStale(
  path: string,
  of: LockOf,
  times: LockTimes,
  findStale: () => Promise<string | undefined>,
  missing: 'kept' | 'lost' = 'kept',
): Promise<HeldLock> {
  try {
    const stale = await findStale();
    if (stale !== undefined) await removeStale(path, stale, of);
    // The id makes this lock unlike every other, also one of this very process.
    const id = randomBytes(6).toString('hex');
    const text = `${JSON.stringify({ ...thisProcess(), id, renewed: true })}\n`;
    if (!(await createWhole(path, text))) throw inUse(path, of, parseOwner(await readLock(path)));
    return await hold(path, text, of, times, missing);
  } catch (error) {
    throw fileError(error, path, 'lock it');
  }
}

/**
 * Looks at a lock without touching anything.
 * @throws InUse if a live process has it, or one that cannot be asked and renewed it lately.
 */
export async function throwIfLocked(path: string, of: LockOf, times: LockTimes = TIMES): Promise<void> {
  try {
    const found = await look(path, times);
    if (found?.state === 'live') throw inUse(path, of, found.owner);
  } catch (error) {
    throw fileError(error, path, 'look at this lock');
  }
}

/** A lock that is there. */
export interface Found {
  readonly text: string;
  readonly owner: Owner | undefined;
  readonly state: 'live' | 'gone' | 'silent';
  /** What a renewal changes. */
  readonly seen: string;
}

export type Owner = ProcessName & { readonly renewed: boolean };

/** The text of a lock whose owner is gone; undefined where there is no lock. */
async function findStale(path: string, of: LockOf, times: LockTimes): Promise<string | undefined> {
  const found = await look(path, times);
  if (found === undefined || found.state === 'gone') return found?.text;
  if (found.state === 'live') throw inUse(path, of, found.owner);
  // The clocks of machines differ, and jump: whoever seems silent is watched for as long as a renewal takes.
  await sleep(found.owner === undefined ? times.unfinished / 10 : 1.5 * times.renew);
  const later = await look(path, times);
  if (later !== undefined && later.seen !== found.seen) throw inUse(path, of, later.owner);
  return later?.text;
}

/** What a lock says and how its owner is judged from here; undefined where there is none. */
export async function look(path: string, { silent, unfinished }: LockTimes): Promise<Found | undefined> {
  const text = await readLock(path);
  const file = text === undefined ? undefined : await stat(path).catch(() => undefined);
  if (text === undefined || file === undefined) return undefined;
  const owner = parseOwner(text);
  const alive = owner === undefined ? undefined : isAlive(owner);
  const age = Date.now() - file.mtimeMs;
  const limit = owner === undefined ? unfinished : silent;
  const renewed = age >= 0 && age < limit ? 'live' : 'silent';
  const judged = owner?.renewed === false ? olderRelease(owner) : renewed;
  const state = alive === undefined ? judged : alive ? 'live' : 'gone';
  return { text, owner, state, seen: `${text} ${file.ino} ${file.mtimeMs}` };
}

/** Locks of older releases are not renewed: an owner of this machine was of another boot, of another machine nothing is known. */
const olderRelease = ({ host }: Owner) => (host === hostname() ? 'gone' : 'live');

/** Makes the file with its whole text at once; false where another one is there. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const aside = asideOf(path);
  try {
    await writeFile(aside, text, { flag: 'wx' });
    await link(aside, path);
    return true;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (syscall !== 'link') throw error;
    // Some file systems have no hard links.
    return await writeFile(path, text, { flag: 'wx' }).then(
      () => true,
      (second: NodeJS.ErrnoException) => {
        if (second.code === 'EEXIST') return false;
        throw second;
      },
    );
  } finally {
    await rm(aside, { force: true }).catch(() => undefined);
  }
}

async function hold(
  path: string,
  text: string,
  of: LockOf,
  { renew }: LockTimes,
  missing: 'kept' | 'lost',
): Promise<HeldLock> {
  // By its handle: should the lock be another's by now, the renewal does not touch that one.
  const file = await open(path, 'r+').catch(async (error: unknown) => {
    await unlink(path).catch(() => undefined);
    throw error;
  });
  const lost = new AbortController();
  const check = async () => {
    const now = await readLock(path);
    if (now === undefined ? missing === 'lost' : now !== text) throw inUse(path, of, parseOwner(now), 'lost');
  };
  const timer = setInterval(() => {
    void renewFile(file);
    // What the disk refuses here is told where the lock is needed.
    check().catch((error: unknown) => error instanceof InUse && lost.abort(error));
  }, renew);
  timer.unref();
  return {
    lost: lost.signal,
    check,
    release: async () => {
      clearInterval(timer);
      await close(file);
      // A lock that cannot be taken away is stale as soon as this process is gone; what it was for is done.
      const now = await readLock(path).catch(() => undefined);
      if (now === text) await unlink(path).catch(() => undefined);
    },
  };
}

const close = (file: FileHandle): Promise<void> => file.close().catch(() => undefined);

const renewFile = (file: FileHandle): Promise<void> => file.utimes(new Date(), new Date()).catch(() => undefined);

/** Renamed before it is deleted: of two processes that saw the same stale lock, the second finds another text and stops. */
async function removeStale(path: string, stale: string, of: LockOf): Promise<void> {
  const aside = asideOf(path);
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw inUse(path, of, undefined);
    throw error;
  }
  const moved = await readLock(aside);
  if (moved !== stale) await link(aside, path).catch(() => undefined);
  await unlink(aside);
  if (moved !== stale) throw inUse(path, of, parseOwner(moved));
}

const asideOf = (path: string): string => `${path}.tmp-${randomBytes(6).toString('hex')}`;

async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function parseOwner(text: string | undefined): Owner | undefined {
  try {
    const { pid, host, started, namespace, renewed } = JSON.parse(text ?? '') as Partial<Owner>;
    const fits = Number.isSafeInteger(pid) && pid! > 0 && typeof host === 'string' && typeof started === 'string';
    if (!fits) return undefined;
    // Older releases name no namespace: theirs is taken to be ours.
    const known = typeof namespace === 'string' ? namespace : thisProcess().namespace;
    return { pid: pid!, host, started, namespace: known, renewed: renewed === true };
  } catch {
    return undefined;
  }
}

export function inUse(path: string, { place, instead }: LockOf, owner: Owner | undefined, now = 'in use'): InUse {
  const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  const got = now === 'lost' ? `one that ${who} has taken over while this process stood still` : `one in use by ${who}`;
  const known = owner === undefined || isAlive(owner) !== undefined;
  const remedy = known ? 'Wait for it, stop it' : `Wait for it, or delete ${path} if it is gone`;
  return new InUse(`${place}: wanted a folder that no other process uses, got ${got}. ${remedy}, or ${instead}.`);
}
