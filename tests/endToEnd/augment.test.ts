import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ContactSheet } from '../../src/run/looking/augmentSheet.ts';
import type { RunResult } from '../../src/run/training/course/result.ts';
import { jsonIn, refusalsIn, temporaryFolder, TINY_VIT, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
const [json, refuses] = [jsonIn(dir), refusalsIn(dir)];
const TRAIN = ['train', '--data', 'data', '--model', ...TINY_VIT, '--batch', '8', '--set', 'data.workers=1'];

beforeAll(() => writeDataset(join(dir, 'data')));

describe('inspect --augment', () => {
  it('draws what training sees: evaluation, epochs, mixed batches', async () => {
    const found = await json<ContactSheet>('inspect', '--data', 'data', '--augment', 'deit', '--out', 'sheets');
    expect(found.file).toBe('sheets/augment-deit.png');
    expect(found.rows.slice(0, 6)).toEqual(['evaluation', ...[1, 2, 3, 4, 5].map((epoch) => `epoch ${epoch}`)]);
    expect(found.rows.slice(6).map((row) => row.split(' ')[0])).toEqual(['mixup', 'mixup', 'cutmix', 'cutmix']);
    expect(found.images).toHaveLength(8);
    const { data, info } = await sharp(join(dir, found.file)).raw().toBuffer({ resolveWithObject: true });
    // 28 px images drawn at four times their size, 8 across and 10 down.
    expect([info.width, info.height]).toEqual([96 + 8 * 116, 4 + 10 * 116]);
    // The first image, from its middle, is blue as its class is; the epoch below shows another one.
    const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    const [red, green, blue] = pixel(96 + 56, 4 + 56) as [number, number, number];
    expect(blue - Math.max(red, green)).toBeGreaterThan(60);
    const row = (y: number) => data.subarray((y * info.width + 96) * 3, (y * info.width + 96 + 112) * 3).join();
    expect(row(4 + 56)).not.toBe(row(4 + 116 + 56));
  });

  it('says what it wants', async () => {
    await refuses(['inspect', '--data', 'data', '--augment', 'deti'], 2, 'Did you mean deit?');
    await refuses(['inspect', '--augment', 'deit'], 2, 'add --data DIR');
    await refuses(['inspect', 'runs/x', '--data', 'data', '--augment', 'deit'], 2, 'leave "runs/x" out');
    await refuses(['inspect', '--data', 'nowhere', '--augment', 'deit'], 2, 'nowhere');
    await refuses(['inspect'], 2, 'missing REF; for example: understudy inspect');
  });
});

describe('settings that do not fit', () => {
  it('are refused before anything is written', async () => {
    const set = (...settings: string[]) => [...TRAIN, '--out', 'none', ...settings.flatMap((text) => ['--set', text])];
    await refuses(set('augment.preset=deitt'), 2, 'augment.preset');
    await refuses(
      set('augment.randAugment=rand-m9'),
      2,
      "wanted timm's text such as rand-m9-mstd0.5-inc1",
      'add -inc1',
    );
    await refuses(set('augment.preset=deit', 'augment.threeAugment=true'), 2, 'wanted randAugment or threeAugment');
    await refuses(set('train.budget=soon'), 2, 'a time such as 90s, 30m or 2h');
    await refuses([...set(), '--budget', '1m', '--epochs', '3'], 2, 'leave --epochs or --budget out');
    await refuses(set('train.budget=0.001s'), 2, 'too short for one epoch');
    await refuses(set('train.earlyStop={patience: 2, metric: val/top9}'), 2, 'val/loss, val/top1');
  });
});

describe('early stop', () => {
  it('ends the run, keeps that over a resume, and a learning run goes on', async () => {
    // At this rate nothing improves after the first evaluation.
    const still = ['--epochs', '9', '--set', 'optim.lr=1e-12', '--set', 'train.earlyStop={patience: 2}'];
    const found = await json<RunResult>(...TRAIN, ...still, '--out', 'still');
    expect([found.reason, found.steps]).toEqual(['done', 9]);
    expect(readFileSync(join(dir, 'still/train.log'), 'utf8')).toContain('stopped early at step 9 of 27: val/top1');
    const again = await json<RunResult>('train', '--resume', '--out', 'still');
    expect([again.reason, again.steps]).toEqual(['done', 9]);
    const learning = [
      '--epochs',
      '4',
      '--set',
      'optim.lr=1e-3',
      '--set',
      'train.earlyStop={patience: 1, metric: val/loss}',
    ];
    const other = await json<RunResult>(...TRAIN, ...learning, '--out', 'learning');
    expect([other.reason, other.steps]).toEqual(['done', 12]);
  });
});

describe('--budget', () => {
  it('chooses the epochs by measured speed and saves the number', async () => {
    const found = await json<RunResult>(
      ...TRAIN,
      '--budget',
      '12s',
      '--set',
      'train.evalEvery=1000',
      '--out',
      'budget',
    );
    const config = readFileSync(join(dir, 'budget/config.yaml'), 'utf8');
    const epochs = Number(/^ {2}epochs: ([\d.]+)$/m.exec(config)![1]);
    expect(found.steps).toBe(Math.round(3 * epochs));
    expect(found.reason).toBe('done');
    // A step takes milliseconds; the table's choice would have been 100.
    expect(epochs).toBeGreaterThan(3);
    expect(readFileSync(join(dir, 'budget/train.log'), 'utf8')).toMatch(
      new RegExp(`train.epochs = ${epochs} \\(budget 12s: [\\d.e-]+ s an epoch`),
    );
    const again = await understudy(dir, ['train', '--resume', '--budget', '12s', '--out', 'budget']);
    expect(again.status, again.stderr).toBe(0);
    expect(existsSync(join(dir, 'budget/checkpoints/last/state.json'))).toBe(true);
  });
});

it('list shows presets and the table of defaults', async () => {
  const presets = await json<{ key: string; presets?: Record<string, unknown> }[]>('list', 'augmentations');
  expect(presets.find(({ key }) => key === 'erase')!.presets).toEqual({
    none: 0,
    light: 0,
    deit: 0.25,
    deit3: 0,
    vitkd: 0.25,
  });
  const text = (await understudy(dir, ['list', 'augmentations'])).stdout;
  expect(text).toMatch(/^randAugment +null +null +rand-m9-mstd0\.5-inc1 +null +rand-m9-mstd0\.5-inc1 *$/m);
  const defaults = await json<{ key: string; rules: { when: string; value: string }[] }[]>('list', 'defaults');
  expect(defaults.find(({ key }) => key === 'optim.warmupEpochs')!.rules).toEqual([
    { when: 'always', value: 'a tenth of the epochs, at most 5' },
  ]);
  expect((await understudy(dir, ['list', 'defaults'])).stdout).toMatch(/^train\.epochs +from 100,000 images on: 300/m);
});
