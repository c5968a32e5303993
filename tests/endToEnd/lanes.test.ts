import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { TINY_RESNET, temporaryFolder, understudy, writeDataset } from './commandLine.ts';
import { expectSame, metricsOf, SAVE_OFTEN } from './resumed.ts';

const dir = temporaryFolder();

/**
 * 24 images in micro-batches of 3, three to an update: two updates an epoch, and two micro-batches that fill none. One thread in
 * each operator, with lanes and without: how many there are decides how ONNX Runtime rounds.
 */
const RUN = [
  ...['distill', '--data', 'data', '--teacher', 'teacher', '--student', 'vit_pico_patch4', '--epochs', '4'],
  ...['--batch', '3', '--set', 'train.accumulate=3', '--set', 'train.ema=0.9', '--set', 'train.threads=1'],
  ...['--set', 'student.settings={"depth":2,"width":16,"heads":1}', '--set', 'student.settings.dropPath=0.2'],
];
const lanes = (count: number) => ['--set', `train.lanes=${count}`];
const run = (out: string, more: readonly string[], watch?: Parameters<typeof understudy>[2]) =>
  understudy(dir, [...RUN, ...(more.includes('--method') ? [] : ['--method', 'kd']), '--out', out, ...more], watch);

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  const teacher = ['--model', ...TINY_RESNET, '--epochs', '1', '--batch', '8', '--out', 'teacher'];
  const made = await understudy(dir, ['train', '--data', 'data', ...teacher]);
  expect(made.status, made.stderr).toBe(0);
  const alone = await run('alone', []);
  expect(alone.status, alone.stderr).toBe(0);
}, 120_000);

it('lanes change no bit of a run, nor of one that was killed; a resume keeps to them', async () => {
  const beside = await run('beside', lanes(2));
  expect(beside.status, beside.stderr).toBe(0);
  expect(metricsOf(join(dir, 'alone')).filter((row) => 'train/loss' in row)).toHaveLength(8);
  expectSame(join(dir, 'beside'), join(dir, 'alone'));

  const killed = await run('killed', [...lanes(3), ...SAVE_OFTEN], (stderr, kill) => {
    if (stderr.includes('saved last of step 3:')) kill('SIGKILL');
  });
  expect(killed.signal).toBe('SIGKILL');
  const other = await understudy(dir, ['distill', '--resume', '--out', 'killed', ...lanes(2)]);
  expect(other.stderr).toContain('train.lanes: the run has 3, got 2');
  const rest = await understudy(dir, ['distill', '--resume', '--out', 'killed']);
  expect(rest.status, rest.stderr).toBe(0);
  expectSame(join(dir, 'killed'), join(dir, 'alone'));
});

it('lanes share the store of teacher outputs', async () => {
  const stored = ['--set', 'data.views=2', '--set', 'teacher.store.dir=kept'];
  for (const [out, more] of [
    ['stored', lanes(3)],
    ['read', lanes(1)],
  ] as const) {
    const done = await run(out, [...stored, ...more]);
    expect(done.status, done.stderr).toBe(0);
  }
  expectSame(join(dir, 'stored'), join(dir, 'read'));
  // All but what no update took: two of the eight micro-batches of an epoch.
  expect(readFileSync(join(dir, 'read/train.log'), 'utf8')).toMatch(/24 images x 2 views: (9\d|100) % are stored/);
});

it('lanes change no bit of a stage with batch normalisation', async () => {
  const more = ['--method', 'dearkd', '--set', 'dearkd.stageOne=0.5'];
  const [alone, beside] = [await run('two', more), await run('twoBeside', [...more, ...lanes(2)])];
  expect([alone.status, beside.status], beside.stderr).toEqual([0, 0]);
  expect(beside.stderr).not.toContain('one micro-batch after the other');
  expectSame(join(dir, 'twoBeside'), join(dir, 'two'));
});

it('more lanes than micro-batches, and lanes on a device that has none, are refused before anything is written', async () => {
  const tooMany = await run('refused', lanes(4));
  expect(tooMany.status).toBe(2);
  expect(tooMany.stderr).toContain('train.lanes: 4 lanes for 3 micro-batches (train.accumulate)');
  const webgpu = await run('refused', [...lanes(2), '--device', 'webgpu']);
  expect(webgpu.status).toBe(2);
  expect(webgpu.stderr).toContain('train.lanes: only the CPU has lanes');
  const after = await run('refused', []);
  expect(after.status, after.stderr).toBe(0);
});
