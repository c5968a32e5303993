import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { SynthesisResult } from '../../src/run/synthesis/synthesize.ts';
import { type BatchRecord as Batch, finishedRound } from '../../src/run/synthesis/batchFolder.ts';
import { COURSE_FILE, looksIn } from '../../src/run/synthesis/courseFile.ts';
import { openDataset } from '../../src/data/openDatasetNode.ts';
import {
  contents,
  jsonIn,
  ownProcess,
  refusalsIn,
  TINY_RESNET,
  TINY_VIT,
  temporaryFolder,
  understudy,
  writeDataset,
} from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const refuses = refusalsIn(dir);

/** 5 batches of 3 classes x 3 images: 12 of each class are asked for, so the last batch makes more than is kept. */
const SMALL = [
  '--images',
  '39',
  '--per-batch',
  '3x3',
  '--set',
  'iterations=12',
  '--set',
  'lr=0.1',
  '--set',
  'feature=0.1',
];
const make = (out: string, ...more: string[]) => [
  'synthesize',
  '--teacher',
  'teacher',
  '--out',
  out,
  ...SMALL,
  ...more,
];

/** What a set is, without the notes that its processes keep. */
const setOf = (out: string): string[] => contents(join(dir, out)).filter((line) => !/^batches/.test(line));

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  const train = ['train', '--data', 'data', '--epochs', '1', '--batch', '8'];
  for (const [out, model] of [
    ['teacher', TINY_RESNET],
    ['vit', TINY_VIT],
  ] as const)
    expect((await understudy(dir, [...train, '--model', ...model, '--out', out])).status).toBe(0);
  await json<SynthesisResult>(...make('whole', '--verifier', 'vit'));
});

describe('a set', () => {
  it('is an ordinary class folder with manifest, figures and a contact sheet', async () => {
    const { classes, train, val } = await openDataset(join(dir, 'whole'), { valFraction: 0, seed: 0 });
    expect(classes).toEqual(['blue', 'green', 'red']);
    expect(train.paths.length + val.paths.length).toBe(39);
    const manifest = JSON.parse(readFileSync(join(dir, 'whole/manifest.json'), 'utf8'));
    expect(manifest.rounds[0]).toMatchObject({ perClass: 13, teacher: { family: 'resnet' }, student: null });
    expect(manifest.rounds[0].teacher.sha256).toMatch(/^[0-9a-f]{64}$/);
    const images = manifest.batches.flatMap((batch: { images: unknown[] }) => batch.images);
    expect(images).toHaveLength(39);
    for (const image of images) expect(Math.exp(-image.loss)).toBeCloseTo(image.confidence, 6);
    const quality = JSON.parse(readFileSync(join(dir, 'whole/quality.json'), 'utf8'));
    expect(quality.images).toBe(39);
    const mean = images.reduce((sum: number, image: { confidence: number }) => sum + image.confidence, 0) / 39;
    expect(quality.teacherConfidence).toBeCloseTo(mean, 6);
    expect(quality.normGaps).toHaveLength(9);
    expect(quality.intraClassDistance).toBeGreaterThan(0);
    expect(quality.verifierTop1 * 39).toBeCloseTo(Math.round(quality.verifierTop1 * 39), 6);
    expect(existsSync(join(dir, 'whole/contactSheet-1.png'))).toBe(true);
    expect(existsSync(join(dir, 'whole/preview.png'))).toBe(false);
    const looks = looksIn(readFileSync(join(dir, 'whole', COURSE_FILE), 'utf8'));
    expect(looks.map(({ batch, step }) => [batch, step])).toEqual(
      [0, 1, 2, 3, 4].flatMap((batch) => Array.from({ length: 12 }, (_, i) => [batch, i + 1])),
    );
    expect(looks[0]!.terms.feature).toBeGreaterThan(looks[11]!.terms.feature!);
  });

  it('fits its BatchNorm statistics better than the noise that it began as, and than without their term', async () => {
    const gap = async (out: string, ...settings: string[]) => {
      const set = ['--images', '9', '--per-batch', '3x3', ...settings.flatMap((one) => ['--set', one])];
      const made = await json<SynthesisResult>('synthesize', '--teacher', 'teacher', '--out', out, ...set);
      return made.quality!.normGaps.reduce((sum, { mean, variance }) => sum + mean + variance, 0);
    };
    const noise = await gap('noise', 'iterations=0');
    const fitted = await gap('fitted', 'iterations=80', 'lr=0.1', 'feature=1');
    const free = await gap('free', 'iterations=80', 'lr=0.1', 'feature=0');
    expect(fitted).toBeLessThan(0.8 * noise);
    expect(fitted).toBeLessThan(0.6 * free);
  });
});

describe('the same set, byte for byte', () => {
  it('after kill -9 in the second batch and the same command again', async () => {
    let sent = false;
    const killed = await understudy(dir, make('killed', '--verifier', 'vit'), (stderr, kill) => {
      if (!sent && stderr.includes('batch 1/5: ')) kill('SIGKILL');
      sent ||= stderr.includes('batch 1/5: ');
    });
    expect(killed.signal).toBe('SIGKILL');
    expect(existsSync(join(dir, 'killed/manifest.json'))).toBe(false);
    const again = await understudy(dir, make('killed', '--verifier', 'vit'));
    expect(again.stderr).toMatch(/[1-4] of 5 batches are finished already/);
    expect(again.status, again.stderr).toBe(0);
    expect(setOf('killed')).toEqual(setOf('whole'));
  });

  it('after a kill between the images of a batch and its record, with a staging folder and a dead claim left', async () => {
    await understudy(dir, make('torn', '--verifier', 'vit'));
    const work = join(dir, 'torn/batches/round1/00001');
    rmSync(join(work, 'batch.json'));
    for (const name of ['manifest.json', 'quality.json', 'contactSheet-1.png']) rmSync(join(dir, 'torn', name));
    rmSync(join(dir, 'torn/train/red'), { recursive: true });
    mkdirSync(join(work, 'staging-left'));
    writeFileSync(join(work, 'staging-left/0'), 'half');
    const { hostname } = await import('node:os');
    writeFileSync(
      join(work, 'run.lock'),
      `${JSON.stringify({ pid: 2 ** 22 + 7, host: hostname(), started: '', id: 'x' })}\n`,
    );
    // Batches 0, 2, 3 and 4 count as finished, so their red images stay lost: take their records too.
    for (const batch of ['00000', '00002', '00003', '00004'])
      rmSync(join(dir, 'torn/batches/round1', batch, 'batch.json'));
    expect((await understudy(dir, make('torn', '--verifier', 'vit'))).status).toBe(0);
    expect(setOf('torn')).toEqual(setOf('whole'));
    expect(contents(work).map((line) => line.split(' ')[0])).toEqual(['batch.json']);
  });

  it('of a finished set in which images are gone, empty or others, and records are cut', async () => {
    cpSync(join(dir, 'whole'), join(dir, 'mended'), { recursive: true });
    const records = join(dir, 'mended/batches/round1');
    const imageOf = (batch: string, i: number) =>
      join(
        dir,
        'mended',
        (JSON.parse(readFileSync(join(records, batch, 'batch.json'), 'utf8')) as Batch).images[i]!.path,
      );
    rmSync(imageOf('00000', 1));
    writeFileSync(imageOf('00001', 0), '');
    cpSync(imageOf('00002', 0), imageOf('00002', 1));
    writeFileSync(join(records, '00003/batch.json'), readFileSync(join(records, '00003/batch.json')).subarray(0, 99));
    const again = await understudy(dir, make('mended', '--verifier', 'vit'));
    expect(again.status, again.stderr).toBe(0);
    expect(again.stderr).toContain('1 of 5 batches are finished already');
    expect(setOf('mended')).toEqual(setOf('whole'));
    // A later round cannot make it again, and says which one can.
    const record = readFileSync(join(records, '00004/batch.json'), 'utf8');
    const { sha256: _, ...older } = JSON.parse(record) as Batch & { sha256: string };
    for (const spoilt of [
      '{}',
      'null',
      `[${'['.repeat(1e5)}`,
      record.replace('"loss"', '"loss": 0, "was"'),
      JSON.stringify({ ...older, index: 3 }),
      JSON.stringify({ ...older, images: [...older.images, older.images[0]] }),
    ]) {
      writeFileSync(join(records, '00004/batch.json'), spoilt);
      await expect(finishedRound(join(dir, 'mended'), 1)).rejects.toThrow(
        /round1.00004: wanted a finished batch of round 1, .* Run synthesize with the settings of round 1 again/,
      );
    }
    // Of an older release.
    writeFileSync(join(records, '00004/batch.json'), JSON.stringify(older));
    expect(await finishedRound(join(dir, 'mended'), 1)).toHaveLength(5);
  });

  it('by two processes at once, of which each makes a part, with threads as they like', async () => {
    const both = await Promise.all(
      [1, 2].map((threads) => ownProcess(dir, make('shared', '--verifier', 'vit', '--set', `threads=${threads}`))),
    );
    for (const { status, stderr } of both) expect(status, stderr).toBe(0);
    expect(setOf('shared')).toEqual(setOf('whole'));
    const made = both.map(({ stderr }) => stderr.match(/^batch \d\/5: /gm)?.length ?? 0);
    expect(made[0]! + made[1]!).toBe(5);
    expect(Math.min(...made)).toBeGreaterThan(0);
  });

  it('but another seed gives other images', async () => {
    await json(...make('seed', '--seed', '1'));
    const images = (out: string) => setOf(out).filter((line) => /^train.*png/.test(line));
    expect(images('seed')).toHaveLength(39);
    const bytes = (out: string) => images(out).map((line) => line.split(' ')[1]);
    expect(bytes('seed').filter((one) => bytes('whole').includes(one))).toEqual([]);
  });
});

describe('wrong use of synthesize', () => {
  it.each([
    [
      'a teacher without BatchNorm',
      ['--teacher', 'vit', '--out', 'x', '--images', '9'],
      /wanted a teacher with BatchNorm statistics, got a vit[\s\S]*kd\.alpha=1/,
    ],
    [
      'an unknown class',
      ['--teacher', 'teacher', '--out', 'x', '--images', '9', '--classes', 'blue,gren'],
      /Unknown class "gren". Did you mean green/,
    ],
    [
      'an unknown setting',
      ['--teacher', 'teacher', '--out', 'x', '--images', '9', '--set', 'featur=1'],
      /unknown key featur. Did you mean feature/,
    ],
    [
      'an unknown preset',
      ['--teacher', 'teacher', '--out', 'x', '--images', '9', '--preset', 'smal'],
      /Unknown preset "smal". Did you mean small/,
    ],
    [
      'too few of a class for bpid',
      ['--teacher', 'teacher', '--out', 'x', '--images', '9', '--per-batch', '3x2', '--set', 'bpid=1'],
      /bpid with variant fill wants 3 images of a class/,
    ],
    [
      'adi without a student',
      ['--teacher', 'teacher', '--out', 'x', '--images', '9', '--set', 'adi=0.2'],
      /adi: wanted a student/,
    ],
    ['a student without adi', ['--teacher', 'teacher', '--out', 'x', '--images', '9', '--student', 'vit'], /adi is 0/],
    [
      'no images',
      ['--teacher', 'teacher', '--out', 'x', '--images', '0'],
      /--images: wanted a whole number from 1 on, got "0"/,
    ],
    [
      'a folder of something else',
      ['--teacher', 'teacher', '--out', 'data', '--images', '9'],
      /data: wanted a new or empty folder/,
    ],
    [
      'other settings for a set',
      ['--teacher', 'teacher', '--out', 'whole', '--images', '39', '--per-batch', '3x3', '--set', 'iterations=13'],
      /begun with other settings[\s\S]*settings\.iterations: the set has 12, got 13/,
    ],
  ] as const)('%s is refused in words', async (_, args, message) => {
    await refuses(['synthesize', ...args], 2, message);
  });
});
