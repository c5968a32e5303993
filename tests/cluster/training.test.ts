import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { memoryTransports } from '../../src/cluster/memoryTransport.ts';
import { Ranks } from '../../src/cluster/ranks.ts';
import type { RunInput } from '../../src/config/schema.ts';
import { trainRun } from '../../src/run/training/trainRunNode.ts';
import { MAIN, ownProcess, TINY_RESNET, temporaryFolder, understudy, writeDataset } from '../endToEnd/commandLine.ts';
import { expectSame, SAVE_OFTEN } from '../endToEnd/resumed.ts';
import { OPEN_MPI } from '../systemPackages.ts';
import { isAlive, mpirun, rankBelow } from './mpirun.ts';

const dir = temporaryFolder();

/**
 * Two stages, of which the first has batch normalisation and a teacher, EMA, noise, mixing, and six micro-batches to an update of which
 * the last ones of an epoch fill none. One thread in each operator: how many there are decides how ONNX Runtime rounds.
 */
const SETTINGS = [
  ...['--student', 'vit_pico_patch4', '--method', 'dearkd', '--epochs', '2', '--batch', '2'],
  ...[
    '--set',
    'dearkd.stageOne=0.5',
    '--set',
    'train.accumulate=6',
    '--set',
    'train.ema=0.9',
    '--set',
    'train.threads=1',
  ],
  ...['--set', 'student.settings={"depth":2,"width":16,"heads":1}', '--set', 'student.settings.dropPath=0.2'],
  ...['--set', 'augment.preset=deit', '--set', 'data.workers=1'],
];
const command = (out: string, ...more: readonly string[]) => [
  ...['distill', '--data', join(dir, 'data'), '--teacher', join(dir, 'teacher'), ...SETTINGS, '--out', out, ...more],
];

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  const teacher = ['--model', ...TINY_RESNET, '--epochs', '1', '--batch', '8', '--out', 'teacher'];
  const made = await understudy(dir, ['train', '--data', 'data', ...teacher]);
  expect(made.status, made.stderr).toBe(0);
  const alone = await understudy(dir, command('alone'));
  expect(alone.status, alone.stderr).toBe(0);
}, 120_000);

/** A run of the same settings on ranks of this process. */
async function onRanks(out: string, size: number, more: object = {}): Promise<void> {
  const at = (name: string) => join(dir, name);
  const input = {
    ...{ data: { dir: at('data'), workers: 1 }, teacher: at('teacher'), method: 'dearkd' },
    student: { name: 'vit_pico_patch4', settings: { depth: 2, width: 16, heads: 1, dropPath: 0.2 } },
    methods: { dearkd: { stageOne: 0.5 } },
    train: { epochs: 2, batch: 2, accumulate: 6, ema: 0.9, threads: 1, ...more },
    augment: { preset: 'deit' },
  } as RunInput;
  const hosts = Array.from({ length: size }, (_, rank) => `m${rank}`);
  const ranks = memoryTransports(size).map((transport) => new Ranks(transport, { hosts }));
  await Promise.all(ranks.map((ranks) => trainRun(input, { out: at(out), ranks })));
}

describe('ranks give the bits of one process', () => {
  it.each([
    [2, 2],
    [4, 1],
  ])('%i ranks of %i lanes', async (size, lanes) => {
    const out = `ranks${size}x${lanes}`;
    await onRanks(out, size, { lanes });
    expectSame(join(dir, out), join(dir, 'alone'));
    const log = readFileSync(join(dir, out, `rank-${size - 1}.log`), 'utf8');
    expect(log).toContain(`${size} ranks on ${size} machines (m0`);
  });
});

describe.skipIf(OPEN_MPI.find() === undefined)('in processes of their own, by mpirun', () => {
  it('a rank that is killed is named, and a new start from the last checkpoint gives the bits of an undisturbed run', async () => {
    let killed = 0;
    const args = ['launch', '--ranks', '2', '--max-restarts', '1', '--', ...command('restarted', ...SAVE_OFTEN)];
    const done = await ownProcess(dir, args, (stderr, _, pid) => {
      if (killed > 0 || !stderr.includes('saved last of step 1:')) return;
      killed = performance.now();
      process.kill(rankBelow(pid, 1), 'SIGKILL');
    });
    expect(done.status, done.stderr).toBe(0);
    expect(done.stderr).toMatch(/rank 1 on \S+ was ended by signal 9 \(Killed\); the job has ended with status 137/);
    expect(done.stderr).toContain('starting again from the last checkpoint (1 of 1 new starts left)');
    expectSame(join(dir, 'restarted'), join(dir, 'alone'));
  });

  it('SIGTERM saves a checkpoint, from which one process goes on to the same bits', async () => {
    let told = false;
    const args = ['launch', '--ranks', '2', '--', ...command('told', ...SAVE_OFTEN)];
    const done = await ownProcess(dir, args, (stderr, kill) => {
      if (told || !stderr.includes('saved last of step 1:')) return;
      told = true;
      kill('SIGTERM');
    });
    expect(done.status, done.stderr).toBe(138);
    expect(done.stderr).toMatch(/Interrupted after step \d+; the checkpoint is in told/);
    const rest = await understudy(dir, ['distill', '--resume', '--out', 'told']);
    expect(rest.status, rest.stderr).toBe(0);
    expectSame(join(dir, 'told'), join(dir, 'alone'));
  });

  it('a rank that stands still is named, with the step and what is waited for, and the job ends after the limit', async () => {
    let stopped = 0;
    const limits = ['--late', '1', '--limit', '3'];
    const args = ['launch', '--ranks', '2', ...limits, '--', ...command('stopped', ...SAVE_OFTEN)];
    const done = await ownProcess(dir, args, (stderr, _, pid) => {
      if (stopped > 0 || !stderr.includes('saved last of step 1:')) return;
      stopped = rankBelow(pid, 1);
      process.kill(stopped, 'SIGSTOP');
    });
    expect(done.status, done.stderr).toBe(1);
    expect(done.stderr).toMatch(
      /warning: rank 1 on \S+ is late: the others wait since [12] s at "step \d: .*"; the job ends after 3 s/,
    );
    expect(done.stderr).toMatch(/which is the limit\. The job is ended here/);
    await expect.poll(() => isAlive(stopped), { timeout: 10_000 }).toBe(false);
  });

  it('other settings on a rank are refused before the first step, with the difference', async () => {
    const other = ['-np', '1', process.execPath, MAIN, ...command('differing', '--seed', '7')];
    const done = await mpirun(dir, 1, [...command('differing'), ':', ...other]);
    expect(done.status).toBe(2);
    expect(done.stderr).toMatch(
      /wanted the same program and settings on all, got\n {2}train\.seed: 0 on rank 0 \(\S+\), 7 on rank 1/,
    );
    expect(existsSync(join(dir, 'differing'))).toBe(false);
  });
});
