import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AtomicHook, writeFileAtomic } from './atomicNode.ts';
import { type Claim, Claims } from './claimsNode.ts';
import { ofFolder } from './folderLockNode.ts';
import { InUse, type LockTimes } from './lockNode.ts';
import { thisProcess } from './processNode.ts';
import { renewFolder } from './renewFolderNode.ts';
import { shareUnits } from './shareUnitsNode.ts';

const TIMES: LockTimes = { renew: 20, silent: 200, unfinished: 80 };
const OTHER = { ...thisProcess(), id: 'x', renewed: true };
const ELSEWHERE = { ...OTHER, host: 'elsewhere', started: 'boot/1' };
const DEAD = { ...OTHER, pid: 2 ** 22 + 5 };

let dir = '';
let path = '';
let held: Claim[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'claims-'));
  path = join(dir, 'units/7.lock');
  held = [];
});
afterEach(async () => {
  for (const claim of held) await claim.release();
  rmSync(dir, { recursive: true, force: true });
});

const of = ofFolder('there');
const take = async (claims: Claims) => {
  const claim = await claims.take(path, of);
  if (claim) held.push(claim);
  return claim;
};
const put = async (owner: object | string) => {
  await mkdir(join(path, '..'), { recursive: true });
  writeFileSync(path, typeof owner === 'string' ? owner : JSON.stringify(owner));
};

test('one has it, the other not; given back it can be had, and leaves nothing', async () => {
  const claim = (await take(new Claims(TIMES)))!;
  expect(claim.after).toBe('nobody');
  expect(await take(new Claims(TIMES))).toBeUndefined();
  await claim.release();
  expect(readdirSync(join(dir, 'units'))).toEqual([]);
  expect((await take(new Claims(TIMES)))!.after).toBe('nobody');
});

test('of a process of this machine that has ended it is taken over at once', async () => {
  await put(DEAD);
  expect((await take(new Claims(TIMES)))!.after).toBe('gone');
});

test.each([
  ['another machine', ELSEWHERE],
  ['this machine, a process that lives and may be stopped', OTHER],
  ['nobody known: a file that was cut short', '{"pid":'],
])('of %s it is taken over when it stood still while it was watched, whatever its time says', async (_, owner) => {
  for (const secondsAgo of [10_000, -10_000]) {
    await put(owner);
    utimesSync(path, Date.now() / 1000 - secondsAgo, Date.now() / 1000 - secondsAgo);
    const claims = new Claims(TIMES);
    const began = performance.now();
    expect(await take(claims)).toBeUndefined();
    await sleep(20);
    expect(await take(claims)).toBeUndefined();
    const claim = (await claims.wait(path, of))!;
    held.push(claim);
    expect(claim.after).toBe('silent');
    expect(performance.now() - began).toBeGreaterThan(typeof owner === 'string' ? TIMES.unfinished : TIMES.silent);
    await claim.release();
  }
});

test('who renews keeps it, with a clock that is ahead or behind', async () => {
  await put(ELSEWHERE);
  const claims = new Claims(TIMES);
  for (let i = 0; i < 8; i++) {
    utimesSync(path, 1e6 + i, 1e6 + i);
    expect(await take(claims)).toBeUndefined();
    await sleep(60);
  }
});

test('who lost it is told at the next renewal and before anything is put in place, and keeps its hands off', async () => {
  const claim = (await take(new Claims(TIMES)))!;
  await put(ELSEWHERE);
  await expect.poll(() => claim.lost.aborted, { interval: 10 }).toBe(true);
  await expect(writeFileAtomic(join(dir, 'record'), 'mine', { lock: claim })).rejects.toThrow(InUse);
  await claim.release();
  expect(readdirSync(dir)).toEqual(['units']);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(ELSEWHERE);
});

test('it is lost too when the other is done with it and has given it back', async () => {
  const claim = (await take(new Claims(TIMES)))!;
  rmSync(path);
  await expect(claim.check()).rejects.toThrow('another process has taken over while this process stood still');
  await expect.poll(() => claim.lost.aborted, { interval: 10 }).toBe(true);
});

test('a folder is renewed after a silent owner: what that one has open, or is about to put in place, does not come into it', async () => {
  const run = join(dir, 'run');
  await mkdir(join(run, 'checkpoints'), { recursive: true });
  writeFileSync(join(run, 'checkpoints/a'), 'kept');
  writeFileSync(join(run, 'run.lock'), 'the lock of the other');
  const { openAppendFile } = await import('../../host/node/appendFileNode.ts');
  const log = openAppendFile(join(run, 'log'));
  log.append('before\n');
  // Stopped between its last look at the lock and the renaming, which no check can see.
  let goOn = () => {};
  const stopped = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const hook: AtomicHook = (step) => (step === 'synced' ? stopped : undefined);
  const late = writeFileAtomic(join(run, 'state'), 'of the other', { hook });
  await expect.poll(() => readdirSync(run).some((name) => name.startsWith('state.tmp'))).toBe(true);
  await put(ELSEWHERE);
  const claim = (await new Claims({ ...TIMES, silent: 1 }).wait(path, of))!;
  held.push(claim);
  await renewFolder(run, claim);
  log.append('after\n');
  await log.close();
  goOn();
  await expect(late).rejects.toThrow('ENOENT');
  expect(readdirSync(run).sort()).toEqual(['checkpoints', 'log']);
  expect(readFileSync(join(run, 'log'), 'utf8')).toBe('before\n');
  expect(readFileSync(join(run, 'checkpoints/a'), 'utf8')).toBe('kept');
  expect(readdirSync(dir).sort()).toEqual(['run', 'units']);
});

test('a folder stays as it is after an owner that is known to be gone', async () => {
  await put(DEAD);
  const claim = (await take(new Claims(TIMES)))!;
  await mkdir(join(dir, 'run'));
  writeFileSync(join(dir, 'run/run.lock'), '');
  await renewFolder(join(dir, 'run'), claim);
  expect(readdirSync(join(dir, 'run'))).toEqual(['run.lock']);
});

/** A worker over units that are files: makes what is not there, each in `ms`. */
function worker(name: string, made: string[], more: { units?: number[]; fails?: number; signal?: AbortSignal } = {}) {
  const claims = new Claims(TIMES);
  const done = (unit: number) => join(dir, `done-${unit}`);
  return shareUnits<number>({
    units: more.units ?? [0, 1, 2, 3, 4, 5],
    settled: async (unit) => existsSync(done(unit)),
    // 5 is made of 0 and 1.
    ready: (unit, open) => unit !== 5 || !(open.has(0) || open.has(1)),
    claim: (unit) => claims.take(join(dir, `${unit}.lock`), of),
    make: async (unit, claim) => {
      if (unit === 5) expect([0, 1].every((one) => existsSync(done(one)))).toBe(true);
      if (unit === more.fails) throw new Error('no luck');
      await sleep(10);
      await claim.check();
      made.push(`${unit} ${name}`);
      writeFileSync(done(unit), name);
      return true;
    },
    signal: more.signal,
  });
}

test('workers share units: each is made once, by both, and what needs others is made after them', async () => {
  const made: string[] = [];
  expect(await Promise.all([worker('a', made), worker('b', made)])).toEqual([true, true]);
  expect(made.map((one) => one[0]).sort()).toEqual(['0', '1', '2', '3', '4', '5']);
  for (const name of ['a', 'b']) expect(made.some((one) => one.endsWith(name))).toBe(true);
  expect(readdirSync(dir).filter((name) => name.endsWith('.lock'))).toEqual([]);
});

test('a unit whose worker dies is taken over by one that waits for it; an error ends the worker and frees the unit', async () => {
  const made: string[] = [];
  writeFileSync(join(dir, '3.lock'), JSON.stringify(ELSEWHERE));
  await expect(worker('a', made, { fails: 1 })).rejects.toThrow('no luck');
  expect(await worker('b', made)).toBe(true);
  expect(made.at(-1)).toBe('3 b');
  expect(made).toHaveLength(6);
});

test('what was taken over in the middle is dropped, and waited for like any other', async () => {
  const made: string[] = [];
  const lost: number[] = [];
  const claims = new Claims(TIMES);
  const whole = await shareUnits<number>({
    units: [0],
    settled: async () => made.length > 0,
    claim: () => claims.take(join(dir, '0.lock'), of),
    make: async (_, claim) => {
      if (lost.length > 0) made.push('again');
      // As the takeover of a second process leaves it, which then dies.
      else writeFileSync(join(dir, '0.lock'), JSON.stringify(DEAD));
      await claim.check();
      return true;
    },
    onLost: (unit, error) => {
      expect(error.message).toContain('has taken over while this process stood still');
      lost.push(unit);
    },
  });
  expect([whole, lost, made]).toEqual([true, [0], ['again']]);
});
