import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { analyseModels } from '../../src/run/looking/analyse.ts';
import { type MetricRow, parseMetricRows } from '../../src/train/loggers/metricRow.ts';
import {
  jsonIn,
  refusalsIn,
  TINY_RESNET,
  temporaryFolder,
  understudy,
  writeClass,
  writeDataset,
} from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const VIT = ['vit_pico_patch4', '--set', 'student.settings={"depth":2,"width":16,"heads":2}'];
const COMMON = ['--data', 'data', '--batch', '8', '--set', 'optim.lr=0.01'];
const DISTILL = ['distill', ...COMMON, '--teacher', 'teacher', '--student', ...VIT, '--method', 'kd'];

const evaluations = (run: string): MetricRow[] =>
  parseMetricRows(readFileSync(join(dir, run, 'metrics.jsonl'), 'utf8')).filter((row) =>
    Object.keys(row).some((name) => name.startsWith('val')),
  );

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  await json('train', ...COMMON, '--model', ...TINY_RESNET, '--epochs', '2', '--out', 'teacher');
});

it('a run measures what inspect measures: KL to the teacher, and attention distances when they are due', async () => {
  const set = ['--set', 'train.ema=0.9', '--set', 'train.attentionDistanceEvery=2'];
  const { status, stderr } = await understudy(dir, [...DISTILL, ...set, '--epochs', '3', '--out', 'run']);
  expect(status, stderr).toBe(0);
  const plain = evaluations('run').filter((row) => 'val/top1' in row);
  expect(plain.map((row) => 'val/attention_distance_layer0' in row)).toEqual([false, true, true]);
  const last = plain.at(-1)!;
  const found = await analyseModels([join(dir, 'run/checkpoints/last'), join(dir, 'teacher')], {
    data: join(dir, 'data'),
    out: join(dir, 'looks'),
  });
  expect(last['val/teacher_kl']).toBeCloseTo(found.agreement!.kl, 5);
  expect(last['val/teacher_agreement']).toBeCloseTo(found.agreement!.top1, 12);
  const { mean, heads } = found.models[0]!.attentionDistance!;
  expect(heads.flat()).toHaveLength(4);
  for (const [layer, value] of mean.entries()) {
    expect(last[`val/attention_distance_layer${layer}`]).toBeCloseTo(value, 4);
    for (const [head, one] of heads[layer]!.entries())
      expect(last[`val/attention_distance_layer${layer}_head${head}`]).toBeCloseTo(one, 4);
  }
  // Of the averaged weights the KL is told too; single heads are for the files.
  expect(evaluations('run').filter((row) => 'val_ema/teacher_kl' in row)).toHaveLength(3);
  expect(stderr).toMatch(/val\/attention_distance_layer1 \d/);
  expect(stderr).not.toContain('_head');
});

it('attention distances of a CNN, or between evaluations, are refused', async () => {
  const refuses = refusalsIn(dir);
  const cnn = ['train', ...COMMON, '--model', ...TINY_RESNET, '--out', 'x'];
  await refuses(
    [...cnn, '--set', 'train.attentionDistanceEvery=1'],
    2,
    /wanted a student with attention, got a resnet/,
  );
  const between = ['--set', 'train.attentionDistanceEvery=3', '--set', 'train.evalEvery=2', '--out', 'x'];
  await refuses([...DISTILL, ...between], 2, /wanted a multiple of train\.evalEvery \(2\).*, got 3/);
});

it('a method without a teacher is distilled without --teacher; one that needs it asks for it', async () => {
  const uskd = ['distill', ...COMMON, '--student', ...VIT, '--method', 'uskd', '--epochs', '1', '--out', 'uskd'];
  expect((await json<{ reason: string }>(...uskd)).reason).toBe('done');
  const refuses = refusalsIn(dir);
  await refuses(['distill', ...COMMON, '--student', ...VIT, '--method', 'kd+uskd'], 2, /missing --teacher REF/);
});

it('one image a class and no folder to validate on is said to be so', async () => {
  for (const name of ['red', 'green']) await writeClass(join(dir, 'few'), name, 1);
  const few = ['train', '--data', 'few', '--model', ...TINY_RESNET, '--out', 'x'];
  await refusalsIn(dir)(few, 2, /few: wanted images to validate on, got none: .* of 2 images no class has two/);
});

it('folders that take nothing are refused before the work', async () => {
  if (process.platform !== 'linux') return;
  const refuses = refusalsIn(dir);
  const nowhere = '/proc/understudy/out';
  await refuses(['inspect', 'teacher', '--data', 'data', '--out', nowhere], 2, /takes no new folders/);
  await refuses(['train', ...COMMON, '--model', ...TINY_RESNET, '--out', nowhere], 2, /takes no new folders/);
  await refuses(['export', 'teacher', '--out', nowhere], 2, /takes no new folders/);
});
