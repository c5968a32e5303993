import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../graph/errors.ts';
import type { Lock } from './lockNode.ts';
import { processPlace, startTicks } from './processNode.ts';
import {
  type AtomicHook,
  type AtomicStep,
  findFolder,
  recoverFolder,
  removeStaleTemps,
  replaceFolderAtomic,
  writeFileAtomic,
} from './atomicNode.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atomic-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** Ends what `killAt` holds, after the test has looked at the disk: open files are closed. */
let endHeld: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endHeld) await end();
  endHeld = [];
});

/** Leave the disk as a kill after `step` would: what follows does not run while the test looks, clean-up included. */
async function killAt(step: AtomicStep, start: (hook: AtomicHook) => Promise<void>): Promise<void> {
  await new Promise<void>((reached, unreached) => {
    const hook: AtomicHook = (at) => {
      if (at !== step) return;
      return new Promise<void>((_, reject) => {
        endHeld.push(() => {
          reject(new Error('held'));
          return running;
        });
        reached();
      });
    };
    const running = start(hook).then(
      () => unreached(new Error(`step ${step} was never reached`)),
      () => {},
    );
  });
}

const failAt =
  (step: AtomicStep, code: string): AtomicHook =>
  (at) => {
    if (at === step) throw Object.assign(new Error(`${code}: no luck, write '/tmp/x'`), { code });
  };

const text = (path: string) => readFile(path, 'utf8');

describe('writeFileAtomic', () => {
  test('writes text, bytes and chunks, makes the folder, leaves nothing else', async () => {
    await writeFileAtomic(join(dir, 'a/b/text'), 'é');
    await writeFileAtomic(join(dir, 'a/b/bytes'), Uint8Array.of(1, 2));
    await writeFileAtomic(join(dir, 'a/b/chunks'), [Uint8Array.of(3), new Uint8Array(0), Uint8Array.of(4, 5)]);
    expect(await readdir(join(dir, 'a/b'))).toEqual(['bytes', 'chunks', 'text']);
    expect(await text(join(dir, 'a/b/text'))).toBe('é');
    expect([...(await readFile(join(dir, 'a/b/bytes')))]).toEqual([1, 2]);
    expect([...(await readFile(join(dir, 'a/b/chunks')))]).toEqual([3, 4, 5]);
  });

  test.each([
    ['created', 'old'],
    ['written', 'old'],
    ['synced', 'old'],
    ['newMoved', 'new'],
    ['done', 'new'],
  ] as const)('killed when %s: the %s bytes are there', async (step, content) => {
    const path = join(dir, 'f');
    await writeFileAtomic(path, 'old');
    await killAt(step, (hook) => writeFileAtomic(path, 'new', { hook }));
    expect(await text(path)).toBe(content);
    await removeStaleTemps(dir);
    expect(await readdir(dir)).toEqual(['f']);
  });

  test.each(['ENOSPC', 'EACCES', 'EROFS'])(
    '%s is a UserError, the old file is whole, nothing is left',
    async (code) => {
      const path = join(dir, 'f');
      await writeFileAtomic(path, 'old');
      const failed = writeFileAtomic(path, 'new', { hook: failAt('written', code) });
      await expect(failed).rejects.toThrow(UserError);
      await expect(failed).rejects.toThrow(`${path}: wanted to write it, got ${code}: no luck. `);
      expect(await text(path)).toBe('old');
      expect(await readdir(dir)).toEqual(['f']);
    },
  );
});

/** A killed process leaves its lock, which is stale; here it would be that of this very process. */
const NO_LOCK: Lock = { check: async () => {}, release: async () => {} };

describe('replaceFolderAtomic', () => {
  const fillWith = (content: string) => async (to: string) => {
    await mkdir(join(to, 'sub'));
    await writeFile(join(to, 'one'), content);
    await writeFile(join(to, 'sub/two'), content);
  };
  const contents = async (path: string) => [await text(join(path, 'one')), await text(join(path, 'sub/two'))];

  test('makes, then replaces the folder', async () => {
    const path = join(dir, 'checkpoints/last');
    await replaceFolderAtomic(path, fillWith('1'));
    expect(await contents(path)).toEqual(['1', '1']);
    await replaceFolderAtomic(path, async (to) => writeFile(join(to, 'one'), '2'));
    expect(await readdir(path)).toEqual(['one']);
    expect(await readdir(join(dir, 'checkpoints'))).toEqual(['last']);
  });

  test.each([
    ['created', 'old', 'present'],
    ['written', 'old', 'present'],
    ['synced', 'old', 'present'],
    ['oldMoved', 'old', 'restored'],
    ['newMoved', 'new', 'present'],
    ['done', 'new', 'present'],
  ] as const)('killed when %s: the %s folder is complete and findable', async (step, content, recovery) => {
    const path = join(dir, 'x');
    await replaceFolderAtomic(path, fillWith('old'));
    await killAt(step, (hook) => replaceFolderAtomic(path, fillWith('new'), { hook, lock: NO_LOCK }));
    expect(await contents((await findFolder(path))!)).toEqual([content, content]);
    expect(await recoverFolder(path)).toBe(recovery);
    expect(await contents(path)).toEqual([content, content]);
    expect(await readdir(dir)).toEqual(['x']);
  });

  test('killed in the swap, then saved again without recovery: the new folder, and no old one', async () => {
    const path = join(dir, 'x');
    await replaceFolderAtomic(path, fillWith('1'));
    await killAt('oldMoved', (hook) => replaceFolderAtomic(path, fillWith('2'), { hook, lock: NO_LOCK }));
    await replaceFolderAtomic(path, fillWith('3'));
    expect(await contents(path)).toEqual(['3', '3']);
    expect(await readdir(dir)).toEqual(['x']);
  });

  test('killed in the very first save: there is no folder, and nothing half-written is taken for one', async () => {
    const path = join(dir, 'x');
    await killAt('synced', (hook) => replaceFolderAtomic(path, fillWith('1'), { hook, lock: NO_LOCK }));
    expect(await findFolder(path)).toBeUndefined();
    expect(await recoverFolder(path)).toBe('missing');
    expect(await readdir(dir)).toEqual([]);
  });

  test.each(['created', 'written', 'synced', 'oldMoved'] as const)(
    'a full disk when %s leaves the old one',
    async (step) => {
      const path = join(dir, 'x');
      await replaceFolderAtomic(path, fillWith('old'));
      const failed = replaceFolderAtomic(path, fillWith('new'), { hook: failAt(step, 'ENOSPC') });
      await expect(failed).rejects.toThrow(`${path}: wanted to save it, got ENOSPC: no luck. Free space`);
      expect(await contents(path)).toEqual(['old', 'old']);
      expect(await readdir(dir)).toEqual(['x']);
    },
  );

  test('an error of the filler passes through and leaves the old one', async () => {
    const path = join(dir, 'x');
    await replaceFolderAtomic(path, fillWith('old'));
    const error = new RangeError('mine');
    const failed = replaceFolderAtomic(path, async (to) => {
      await writeFile(join(to, 'half'), '');
      throw error;
    });
    await expect(failed).rejects.toBe(error);
    expect(await contents(path)).toEqual(['old', 'old']);
    expect(await readdir(dir)).toEqual(['x']);
  });
});

test('of two writers of one folder the second is refused, and the first one is whole', async () => {
  const path = join(dir, 'x');
  const second = async (folder: string) => writeFile(join(folder, 'one'), 'second');
  await replaceFolderAtomic(path, async (folder) => {
    await writeFile(join(folder, 'one'), 'first');
    await expect(replaceFolderAtomic(path, second)).rejects.toThrow(
      `${path}: wanted a folder that no other process uses, got one in use by process ${process.pid} on`,
    );
  });
  expect(await text(join(path, 'one'))).toBe('first');
  expect(await readdir(dir)).toEqual(['x']);
});

test('who has lost the lock meanwhile does not put its folder in place', async () => {
  const path = join(dir, 'x');
  const lock = { check: () => Promise.reject(new UserError('lost')), release: async () => {} };
  const late = replaceFolderAtomic(path, (folder) => writeFile(join(folder, 'one'), 'late'), { lock });
  await expect(late).rejects.toThrow('lost');
  expect(await readdir(dir)).toEqual([]);
});

test('what another live process is writing is no leftover; what a dead one wrote, and what nobody can ask after for long, is', async () => {
  const name = (pid: number, ticks: string, place = processPlace()) => `x.tmp-0123456789ab-${pid}-${ticks}-${place}`;
  const parent = name(process.ppid, startTicks(process.ppid));
  const [young, old] = [name(7, '1', '01234567'), name(8, '1', '01234567')];
  for (const each of [parent, name(2 ** 22 + 5, '1'), name(process.ppid, '1'), young, old])
    await writeFile(join(dir, each), '');
  await utimes(join(dir, old), 1e9, 1e9);
  await removeStaleTemps(dir);
  expect(await readdir(dir)).toEqual([parent, young].sort());
});

test('recovery removes temporary names of its own folder alone', async () => {
  for (const name of ['x', 'x.tmp-0123456789ab', 'y.tmp-0123456789ab', 'x.tmp-mine']) await mkdir(join(dir, name));
  await recoverFolder(join(dir, 'x'));
  expect(await readdir(dir)).toEqual(['x', 'x.tmp-mine', 'y.tmp-0123456789ab']);
});
