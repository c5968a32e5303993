import { mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InUse, type LockTimes, takeLock, throwIfLocked } from './lockNode.ts';
import { thisProcess } from './processNode.ts';

const TIMES: LockTimes = { renew: 20, silent: 400, unfinished: 200 };
const OF = { place: 'there', instead: 'choose another folder' };
const ELSEWHERE = { ...thisProcess(), pid: 2 ** 22 + 5, namespace: 'pid:[1]', renewed: true };

let dir = '';
let path = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lock-'));
  path = join(dir, 'a.lock');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const take = () => takeLock(path, OF, TIMES);
const put = async (owner: object | string, secondsAgo = 0) => {
  await writeFile(path, typeof owner === 'string' ? owner : JSON.stringify(owner));
  const time = Date.now() / 1000 - secondsAgo;
  await utimes(path, time, time);
};
/** A second process whose renewals are seen, as of another container. */
function renewing(): () => void {
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), 5);
  return () => clearInterval(timer);
}

test('names its owner with boot, start and pid namespace, is renewed, and goes without a trace', async () => {
  const lock = await take();
  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ ...thisProcess(), renewed: true });
  await utimes(path, 1e9, 1e9);
  await expect.poll(async () => (await stat(path)).mtimeMs, { interval: 10 }).toBeGreaterThan(2e12 / 2);
  await lock.check();
  await lock.release();
  await lock.release();
  expect(await readdir(dir)).toEqual([]);
});

test('a pid of another namespace, boot or machine is not asked: an owner that renewed lately has it', async () => {
  for (const other of [{}, { namespace: thisProcess().namespace, started: 'boot/1' }, { host: 'elsewhere' }]) {
    // The pid is that of a live process here, and then of none.
    for (const pid of [process.pid, 2 ** 22 + 5]) {
      await put({ ...ELSEWHERE, ...other, pid });
      await expect(take()).rejects.toThrow(InUse);
      await expect(take()).rejects.toThrow(`Wait for it, or delete ${path} if it is gone, or choose another folder.`);
    }
  }
});

test('an owner elsewhere that stopped renewing is gone', async () => {
  await put(ELSEWHERE, 10);
  await throwIfLocked(path, OF, TIMES);
  await (await take()).release();
});

test('a clock that is ahead or behind decides nothing: who renews has the lock', async () => {
  for (const secondsAgo of [1000, -1000]) {
    await put(ELSEWHERE, secondsAgo);
    const taking = take();
    const stop = renewing();
    await expect(taking).rejects.toThrow(InUse);
    stop();
  }
});

test('of the future, or half written: neither blocks for ever', async () => {
  await put(ELSEWHERE, -1000);
  await (await take()).release();
  await put('{"pid":', -1000);
  await (await take()).release();
  await put('{"pid":');
  await expect(take()).rejects.toThrow('in use by another process');
  await put('', 1);
  await (await take()).release();
});

test('locks of older releases: a process here is asked, one elsewhere has it until somebody deletes it', async () => {
  const { started } = thisProcess();
  await put({ pid: 2 ** 22 + 5, host: hostname(), started }, 1000);
  await (await take()).release();
  await put({ pid: 2 ** 22 + 5, host: 'elsewhere', started: '' }, 1000);
  await expect(take()).rejects.toThrow('on elsewhere');
});

test('who has lost it is told, and leaves the lock of the other', async () => {
  const lock = await take();
  await put(ELSEWHERE);
  await expect(lock.check()).rejects.toThrow('has taken over while this process stood still');
  await lock.release();
  expect(await readdir(dir)).toEqual(['a.lock']);
});

test('a lock that links to itself is the disk, not a stack trace', async () => {
  await symlink('a.lock', path);
  await expect(take()).rejects.toThrow(/^.*a\.lock: wanted to lock it, got ELOOP: /);
});
