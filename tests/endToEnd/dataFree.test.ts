import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { DataFreeResult } from '../../src/run/synthesis/dataFree.ts';
import {
  jsonIn,
  ownProcess,
  refusalsIn,
  TINY_TEACHER,
  temporaryFolder,
  understudy,
  writeDataset,
} from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const refuses = refusalsIn(dir);
const STUDENT = ['--student', 'vit_pico_patch4', '--set', 'student.settings={"depth":1,"width":16,"heads":1}'];
const FREE = [
  ...['distill', '--data-free', '--teacher', 'teacher', ...STUDENT, '--images', '18', '--epochs', '4', '--batch', '6'],
  ...['--set', 'synthesis.iterations=4', '--set', 'synthesis.imagesPerClass=3'],
];

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  expect((await understudy(dir, TINY_TEACHER)).status).toBe(0);
});

it('makes images, distils in two stages on all of them, and real images choose no checkpoint', async () => {
  const found = await json<DataFreeResult>(...FREE, '--data', 'data', '--out', 'free');
  expect(found.validatedOn).toBe('real images, for reporting only');
  expect(found.images.images).toBe(18);
  expect(found.steps).toBe(12);
  // Whatever it scored, the last evaluation is the one whose weights are taken.
  expect(found.best!.step).toBe(12);
  const log = readFileSync(join(dir, 'free/train.log'), 'utf8');
  expect(log).toContain('18 training and 12 validation images');
  expect(log).toContain('validation images: data, for reporting only');
  expect(log).toMatch(/stage 1: dearkd[\s\S]*stage 2: kd/);
});

it('the same command finds the images and the finished run again', async () => {
  const before = readFileSync(join(dir, 'free/checkpoints/last/model.safetensors')).toString('base64');
  const again = await understudy(dir, [...FREE, '--data', 'data', '--out', 'free', '--json']);
  expect(again.status, again.stderr).toBe(0);
  expect(again.stderr).toContain('2 of 2 batches are finished already');
  expect(readFileSync(join(dir, 'free/checkpoints/last/model.safetensors')).toString('base64')).toBe(before);
});

it('two processes with one command share the images, one trains, and both give its result', async () => {
  const command = [...FREE, '--data', 'data', '--out', 'both', '--images-dir', 'both-images', '--json'];
  const both = await Promise.all([ownProcess(dir, command), ownProcess(dir, command)]);
  const results = both.map(({ status, stdout, stderr }) => {
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as DataFreeResult;
  });
  expect(results.map(({ steps, last }) => ({ steps, last }))).toEqual(
    [results[0]!, results[0]!].map(({ steps, last }) => ({ steps, last })),
  );
  expect(both.map(({ stderr }) => stderr.match(/^batch \d\/2: /gm)?.length ?? 0).reduce((a, b) => a + b)).toBe(2);
  const weights = (out: string) =>
    readFileSync(join(dir, out, 'checkpoints/last/model.safetensors')).toString('base64');
  expect(weights('both')).toBe(weights('free'));
  const updates = readFileSync(join(dir, 'both/metrics.jsonl'), 'utf8').match(/"train\/loss"/g);
  expect(updates).toHaveLength(12);
  expect(existsSync(join(dir, 'both.lock'))).toBe(false);
});

it('adaptive rounds add images that are made against the student so far', async () => {
  const found = await json<DataFreeResult>(...FREE, '--out', 'rounds', '--adi-rounds', '2');
  expect(found.validatedOn).toBe('a tenth of the synthetic images');
  expect(found.images.images).toBe(18);
  const { rounds, batches } = JSON.parse(readFileSync(join(dir, 'rounds-images/manifest.json'), 'utf8'));
  expect(rounds.map((round: { student: unknown }) => round.student === null)).toEqual([true, false]);
  expect(rounds[1].settings.adi).toBe(0.2);
  expect(batches.map((batch: { round: number }) => batch.round)).toEqual([1, 2]);
  expect(existsSync(join(dir, 'rounds-round1/model/model.safetensors'))).toBe(true);
});

it.each([
  ['without a number of images', ['distill', '--data-free', '--teacher', 'teacher', ...STUDENT], /missing --images/],
  [
    'a flag of it without it',
    ['distill', '--teacher', 'teacher', ...STUDENT, '--data', 'data', '--method', 'kd', '--adi-rounds', '2'],
    /--adi-rounds: wanted with --data-free only/,
  ],
  [
    'an unknown synthesis setting',
    [...FREE, '--set', 'synthesis.itertions=3'],
    /unknown key itertions. Did you mean iterations/,
  ],
])('%s: refused in words', async (_, args, message) => {
  await refuses(args, 2, message);
});
