import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EvaluationReport } from '../../src/run/evaluation/judge.ts';
import { loadModelReference } from '../../src/run/models/reference.ts';
import type { RunResult } from '../../src/run/training/course/result.ts';
import { jsonIn, refusalsIn, TINY_RESNET, TINY_VIT, temporaryFolder, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const refuses = refusalsIn(dir);
const CLASSES = ['blue', 'green', 'red'];
const COMMON = ['--batch', '8', '--set', 'optim.lr=0.01'];
const distill = (method: string, teacher: string) => [
  ...['distill', '--data', 'flat', '--teacher', teacher, '--student', ...TINY_VIT, ...COMMON, '--method', method],
];

const rows = (run: string): Record<string, unknown>[] =>
  readFileSync(join(dir, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  mkdirSync(join(dir, 'flat'));
  for (const name of CLASSES)
    for (const file of readdirSync(join(dir, 'data/train', name)))
      cpSync(join(dir, 'data/train', name, file), join(dir, 'flat', `${file.replace('.png', '')}-${name}.png`));
  await json('train', '--data', 'data', '--model', ...TINY_RESNET, ...COMMON, '--epochs', '8', '--out', 'cnn');
  await json('train', '--data', 'data', '--model', ...TINY_VIT, ...COMMON, '--epochs', '2', '--out', 'vit');
});

describe('a folder of images without labels', () => {
  it("kd with alpha=1 learns the teacher's decisions and its class names", async () => {
    const set = ['--set', 'methods.kd.alpha=1', '--set', 'data.valFraction=0.5', '--epochs', '24'];
    const run = await json<RunResult>(...distill('kd', 'cnn/checkpoints/last'), ...set, '--out', 'kd');
    expect(Object.keys(run.last)).toEqual(['val/teacher_agreement', 'val/teacher_kl']);
    expect(run.best!.teacherAgreement).toBeGreaterThanOrEqual(0.75);
    expect(run.best).not.toHaveProperty('top1');
    const agreements = rows('kd').flatMap((row) => {
      const value = row['val/teacher_agreement'];
      return typeof value === 'number' ? [value] : [];
    });
    expect(agreements).toHaveLength(24);
    expect(run.best!.teacherAgreement).toBe(Math.max(...agreements));
    expect((await loadModelReference(join(dir, 'kd'))).classes).toEqual(CLASSES);
    // By the labels, which it never saw.
    expect((await json<EvaluationReport>('eval', 'kd', '--data', 'data')).top1).toBeGreaterThanOrEqual(0.75);
    const [red] = await json<{ top: { class: string }[] }[]>('predict', 'kd', 'data/val/red/0.png');
    expect(red!.top.map((one) => one.class).sort()).toEqual(CLASSES);
  });

  it('validation images with labels judge a student that learned without any', async () => {
    const set = ['--set', 'methods.kd.alpha=1', '--set', 'data.valDir=data', '--epochs', '24'];
    const run = await json<RunResult>(...distill('kd', 'cnn/checkpoints/last'), ...set, '--out', 'judged');
    expect(run.last['val/top1']).toBeGreaterThanOrEqual(0.75);
    expect(run.last).toHaveProperty('val/teacher_agreement');
    expect((await json<EvaluationReport>('eval', 'judged', '--data', 'data')).top1).toBe(run.last['val/top1']);
    const { classes } = await loadModelReference(join(dir, 'judged'));
    expect(classes).toEqual(CLASSES);
    // Class folders whose labels nobody is to read are such a folder too: here they are those of other classes.
    cpSync(join(dir, 'data/train/red'), join(dir, 'others/x'), { recursive: true });
    cpSync(join(dir, 'data/train/blue'), join(dir, 'others/y'), { recursive: true });
    const others = ['--set', 'data.labels=ignore', '--epochs', '1', '--out', 'unrelated'];
    const [, , , ...rest] = distill('kd', 'cnn');
    const ignored = await json<RunResult>('distill', '--data', 'others', ...rest, ...set.slice(0, 4), ...others);
    expect(ignored.last).toHaveProperty('val/top1');
    await refuses(
      [...distill('kd', 'cnn'), '--set', 'data.valDir=data', '--out', 'no'],
      2,
      'flat: wanted images in class folders',
      'kd needs none with --set methods.kd.alpha=1',
    );
  });

  it('the average of the weights is judged by agreement too', async () => {
    const again = await json<RunResult>(
      ...distill('kd', 'cnn'),
      ...['--set', 'methods.kd.alpha=1', '--set', 'train.ema=0.5', '--epochs', '2', '--out', 'ema'],
    );
    expect(Object.keys(again.last)).toEqual(
      ['val', 'val_ema'].flatMap((part) => [`${part}/teacher_agreement`, `${part}/teacher_kl`]),
    );
    const best = Math.max(again.last['val/teacher_agreement']!, again.last['val_ema/teacher_agreement']!);
    expect(again.best!.teacherAgreement).toBeGreaterThanOrEqual(best);
  });

  it('the feature losses of vitkd and dearkd fall without labels', async () => {
    const vitkd = ['methods.vitkd.labelWeight=0', 'methods.vitkd.layers={"shallow":[0],"deep":"last"}'];
    const dearkd = ['methods.dearkd.alpha=1', 'methods.dearkd.stageOne=1'];
    for (const [method, teacher, sets, term] of [
      ['vitkd', 'vit', vitkd, 'train/loss_deep'],
      ['dearkd', 'cnn', dearkd, 'train/loss_hidden'],
    ] as const) {
      const set = sets.flatMap((one) => ['--set', one]);
      await json<RunResult>(...distill(method, teacher), ...set, '--epochs', '6', '--out', method);
      const values = rows(method).flatMap((row) => (typeof row[term] === 'number' ? [row[term]] : []));
      expect(values.length).toBeGreaterThan(10);
      expect(values.at(-1)).toBeLessThan(0.9 * values[0]!);
      expect(rows(method).some((row) => 'train/loss_ce' in row)).toBe(false);
    }
  });

  it('methods that need labels are refused before anything is written, with what would work', async () => {
    await refuses(
      ['train', '--data', 'flat', '--model', ...TINY_VIT, '--out', 'no'],
      2,
      'flat: wanted images in class folders',
      'since supervised needs labels; got images without classes',
      '--method kd --set methods.kd.alpha=1',
    );
    await refuses([...distill('kd', 'cnn'), '--out', 'no'], 2, 'kd needs none with --set methods.kd.alpha=1');
    await refuses(
      [...distill('dearkd', 'cnn'), '--set', 'methods.dearkd.alpha=1', '--out', 'no'],
      2,
      'supervised, stage 2 of dearkd, needs labels',
      '--set methods.dearkd.stageOne=1',
    );
  });
});
