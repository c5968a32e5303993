import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../graph/errors.ts';
import { nodeFiles } from '../host/node/filesNode.ts';
import { openRunFolder } from './runFolder.ts';
import { thisProcess } from '../formats/disk/processNode.ts';

let root = '';
let dir = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'run-'));
  dir = join(root, 'runs/a');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const create = (resume = false) => openRunFolder(nodeFiles(dir), { resume });

/** A run that was killed: its files, and no lock. */
async function makeRun({ checkpoint }: { checkpoint: boolean }): Promise<void> {
  await mkdir(checkpoint ? join(dir, 'checkpoints/last') : dir, { recursive: true });
  await writeFile(join(dir, 'config.yaml'), 'x');
  if (checkpoint) await writeFile(join(dir, 'checkpoints/last/state.json'), '{}');
}

async function snapshot(path: string): Promise<unknown> {
  const names = (await readdir(path, { recursive: true })).sort();
  const stats = await Promise.all(['', ...names].map((name) => stat(join(path, name))));
  return stats.map(({ mtimeMs, ctimeMs, size }, index) => [names[index - 1], mtimeMs, ctimeMs, size]);
}

/** Refused with this message, as a UserError, and nothing under the root is touched. */
async function expectRefused(resume: boolean, message: string): Promise<void> {
  const before = await snapshot(root);
  const error = await create(resume).then(
    () => expect.fail('was not refused'),
    (error) => error,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).toBe(message);
  expect(await snapshot(root)).toEqual(before);
}

describe('a new run', () => {
  test('makes the folder with a lock that names this process; release takes the lock away', async () => {
    const run = await create();
    expect(run.hasCheckpoint).toBe(false);
    expect(await readdir(dir)).toEqual(['run.lock']);
    expect(JSON.parse(await readFile(join(dir, 'run.lock'), 'utf8'))).toMatchObject({
      pid: process.pid,
      host: hostname(),
    });
    await run.release();
    await run.release();
    expect(await readdir(dir)).toEqual([]);
  });

  test('takes a folder in which a run was killed while it wrote its first file', async () => {
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'config.yaml.tmp-0123456789ab'), 'x');
    const run = await create();
    expect(await readdir(dir)).toEqual(['run.lock']);
    await run.release();
  });

  test('takes an empty folder', async () => {
    await mkdir(dir, { recursive: true });
    await (await create()).release();
  });

  test('refuses a run that could be resumed, and offers that', async () => {
    await makeRun({ checkpoint: true });
    await expectRefused(
      false,
      `${dir}: wanted an empty or new folder for a new run, got checkpoints, config.yaml. ` +
        'Use `--resume` to go on with it, or another `--out`.',
    );
  });

  test('refuses other files, and does not offer what would fail too', async () => {
    await mkdir(dir, { recursive: true });
    for (const name of 'abdefgh') await writeFile(join(dir, name), '');
    await expectRefused(
      false,
      `${dir}: wanted an empty or new folder for a new run, got a, b, d, e, f, g and 1 more ` +
        '(no run, so it cannot be resumed). Use another `--out`, or delete it.',
    );
  });

  test('a file in the place of the folder or of its parent is a UserError', async () => {
    await writeFile(join(root, 'runs'), '');
    await expectRefused(
      false,
      `${dir}: wanted to use it as run folder, got ENOTDIR: not a directory. A part of the path is a file: choose another path.`,
    );
  });

  test.runIf(process.getuid !== undefined)('a parent without permission is a UserError', async () => {
    await mkdir(join(root, 'runs'), { mode: 0o555 });
    const isRoot = process.getuid!() === 0;
    // Root may write everywhere, so it acts as nobody here.
    await chmod(root, 0o755);
    if (isRoot) process.seteuid!(65534);
    const error = await create().catch((error) => error);
    if (isRoot) process.seteuid!(0);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toBe(
      `${dir}: wanted to make this folder, got EACCES: permission denied. Give yourself permission there, or choose another folder.`,
    );
    expect(await readdir(join(root, 'runs'))).toEqual([]);
  });
});

describe('resume', () => {
  test('gives the checkpoint and keeps the files', async () => {
    await makeRun({ checkpoint: true });
    const run = await create(true);
    expect(run.hasCheckpoint).toBe(true);
    await run.release();
    expect(await readdir(dir)).toEqual(['checkpoints', 'config.yaml']);
  });

  test('repairs what a kill left: the swap of a checkpoint, temporary files', async () => {
    await makeRun({ checkpoint: true });
    await rename(join(dir, 'checkpoints/last'), join(dir, 'checkpoints/last.old'));
    await mkdir(join(dir, 'checkpoints/last.tmp-0123456789ab'));
    await writeFile(join(dir, 'summary.csv.tmp-0123456789ab'), '');
    const run = await create(true);
    expect(await readFile(join(dir, 'checkpoints/last/state.json'), 'utf8')).toBe('{}');
    await run.release();
    expect(await readdir(dir)).toEqual(['checkpoints', 'config.yaml']);
    expect(await readdir(join(dir, 'checkpoints'))).toEqual(['last']);
  });

  test('refuses where there is nothing, and does not make the folder', async () => {
    await expectRefused(true, `${dir}: wanted a run (config.yaml) to resume, got no such run. Leave \`--resume\` out.`);
  });

  test('refuses a folder that is no run', async () => {
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'notes.txt'), '');
    await expectRefused(
      true,
      `${dir}: wanted a run (config.yaml) to resume, got notes.txt. Leave \`--resume\` out and use another \`--out\`.`,
    );
  });

  test('begins anew where the run was killed before its first checkpoint', async () => {
    await makeRun({ checkpoint: false });
    const run = await openRunFolder(nodeFiles(dir), { resume: true });
    expect(run.hasCheckpoint).toBe(false);
    await run.release();
  });
});

describe('the lock', () => {
  const lock = async (owner: object | string) => {
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'run.lock'), typeof owner === 'string' ? owner : JSON.stringify(owner));
  };
  const refusal = (who: string, remedy = 'Wait for it, stop it') =>
    `${dir}: wanted a folder that no other process uses, got one in use by ${who}. ${remedy}, or use another \`--out\`.`;

  test.each([false, true])('a live run is refused (resume: %s)', async (resume) => {
    await makeRun({ checkpoint: true });
    const run = await create(true);
    await expectRefused(resume, refusal(`process ${process.pid} on ${hostname()}`));
    await run.release();
    await (await create(true)).release();
  });

  test('of many that start at once, one gets the folder', async () => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => create()));
    const winners = results.filter((result) => result.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    await winners[0]!.value.release();
    expect(await readdir(dir)).toEqual([]);
  });

  test('of many that find a stale lock at once, one takes it over', async () => {
    for (let round = 0; round < 10; round++) {
      await lock({ ...thisProcess(), pid: 2 ** 22 + 5 });
      const results = await Promise.allSettled(Array.from({ length: 20 }, () => create()));
      const winners = results.filter((result) => result.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      await winners[0]!.value.release();
    }
  });

  test('a dead process, and a live one that merely got its pid, are taken over', async () => {
    await makeRun({ checkpoint: true });
    const me = thisProcess();
    await lock({ ...me, pid: 2 ** 22 + 5 });
    await (await create(true)).release();
    if (me.started === '') return;
    await lock({ ...me, started: `${me.started.split('/')[0]}/1` });
    await (await create(true)).release();
  });

  test('a process of another host is refused, with the way out', async () => {
    await lock({ pid: 2 ** 22 + 5, host: 'elsewhere', started: '' });
    const remedy = `Wait for it, or delete ${join(dir, 'run.lock')} if it is gone`;
    await expectRefused(false, refusal(`process ${2 ** 22 + 5} on elsewhere`, remedy));
  });

  test('a lock without an owner is refused while it is young, and taken over when it is old', async () => {
    await lock('');
    await expectRefused(false, refusal('another process'));
    await utimes(join(dir, 'run.lock'), Date.now() / 1000, Date.now() / 1000 - 11);
    await (await create()).release();
  });

  test('release leaves a lock that is not its own any more', async () => {
    const run = await create();
    await lock({ pid: 1, host: 'elsewhere', started: '' });
    await run.release();
    expect(await readdir(dir)).toEqual(['run.lock']);
  });
});
