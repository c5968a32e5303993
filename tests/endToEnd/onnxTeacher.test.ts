import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EvaluationReport } from '../../src/run/evaluation/judge.ts';
import type { Inspection } from '../../src/run/models/inspect.ts';
import type { RunResult } from '../../src/run/training/course/result.ts';
import { jsonIn, refusalsIn, TINY_RESNET, TINY_VIT, temporaryFolder, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const refuses = refusalsIn(dir);
const COMMON = ['--batch', '8', '--set', 'optim.lr=0.01'];
const NORMAL = ['--mean', '0.485,0.456,0.406', '--std', '0.229,0.224,0.225'];
const FILE = 'exported/onnx/model.onnx';

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  await json('train', '--data', 'data', '--model', ...TINY_RESNET, ...COMMON, '--epochs', '6', '--out', 'cnn');
  await json('export', 'cnn', '--out', 'exported');
  mkdirSync(join(dir, 'alone'));
  copyFileSync(join(dir, FILE), join(dir, 'alone/m.onnx'));
});

// Several processes a test: a busy machine takes long to start them.
describe('an .onnx file as a REF', { timeout: 300_000 }, () => {
  it('is described by the files one folder up, and answers as the model that it was exported from', async () => {
    const own = await json<EvaluationReport>('eval', 'exported', '--data', 'data');
    const file = await json<EvaluationReport>('eval', FILE, '--data', 'data');
    expect(file.top1).toBe(own.top1);
    expect(file.loss).toBeCloseTo(own.loss, 4);
    const named = await json<EvaluationReport>(
      'eval',
      'alone/m.onnx',
      '--data',
      'data',
      ...NORMAL,
      '--classes',
      'index',
    );
    // Nothing says here that it wants the whole image: the usual centre crop is taken.
    expect(Math.abs(named.loss - file.loss)).toBeLessThan(0.01);
    expect(named.classes.map(({ name }) => name).sort()).toEqual(file.classes.map(({ name }) => name).sort());
  });

  it('says what it does not know, and takes it from a file of names', async () => {
    await refuses(
      ['predict', 'alone/m.onnx', 'data'],
      2,
      /names of its 3 classes .*nor how pixels are normalised.*--classes FILE --mean/s,
    );
    await refuses(
      ['eval', 'alone/m.onnx', '--data', 'data', ...NORMAL, '--classes', 'nowhere.txt'],
      2,
      /nowhere\.txt: no such file; wanted class names/,
    );
    writeFileSync(join(dir, 'names.txt'), 'red\ngreen\n');
    await refuses(
      ['eval', 'alone/m.onnx', '--data', 'data', ...NORMAL, '--classes', 'names.txt'],
      2,
      /wanted 3 class names, one for each of its logits, got 2/,
    );
    await refuses(['eval', 'alone/m.onnx', '--data', 'data', '--mean', '1,2', '--classes', 'index'], 2, /mean: .*/);
    await refuses(['export', FILE, '--out', 'never'], 2, /wanted a model of weights, got an ONNX file/);
  });

  it('is inspected with its stages, without names or normalisation', async () => {
    const found = await json<Inspection>('inspect', 'alone/m.onnx');
    expect(found.onnx!.stages.map(({ name }) => name)).toEqual(['s1', 's2', 's3']);
    expect(found.asTeacher).toEqual(['kd', 'deit', 'dearkd', 'nkd', 'dkd', 'vkd', 'cskd', 'embed']);
    expect([found.classes, found.preprocessing]).toEqual([[], null]);
    const whole = await json<Inspection>('inspect', 'exported');
    expect(found.macs).toBe(whole.macs);
  });

  it('is looked at by the doctor, which tells a fault once and advises nothing that a file cannot do', async () => {
    writeFileSync(join(dir, 'others.txt'), 'red\nmauve\nteal\n');
    const doctor = async (...set: string[]) => {
      const settings = set.flatMap((one) => ['--set', one]);
      const args = [
        '--data',
        'data',
        '--teacher',
        'alone/m.onnx',
        '--student',
        ...TINY_VIT,
        '--method',
        'kd',
        '--json',
      ];
      const { stdout } = await understudy(dir, ['doctor', ...args, ...settings]);
      const { findings } = JSON.parse(stdout) as { findings: { level: string; about: string; remedy?: string }[] };
      return findings.filter(({ level }) => level === 'error');
    };
    expect((await doctor()).map(({ about }) => about)).toEqual(['teacher']);
    const normal = ['teacher.mean=[0.485, 0.456, 0.406]', 'teacher.std=[0.229, 0.224, 0.225]'];
    const [classes] = await doctor('teacher.classes=others.txt', ...normal);
    expect(classes).toMatchObject({
      about: 'classes',
      remedy: expect.stringMatching(/understudy train --data \S+ --init /) as string,
    });
  });

  it('teaches: logits by name, maps that are found or named', async () => {
    const { onnx } = await json<Inspection>('inspect', FILE);
    const named = onnx!.stages[0]!.candidates[0]!.name;
    const set = [
      '--set',
      `teacher.features.maps.mine=${named}`,
      '--set',
      'methods.dearkd.pairs=[{block: 0, stage: mine}]',
    ];
    const common = [
      'distill',
      '--data',
      'data',
      '--student',
      ...TINY_VIT,
      ...COMMON,
      '--method',
      'dearkd',
      '--epochs',
      '2',
    ];
    const run = await json<RunResult>(...common, '--teacher', FILE, ...set, '--out', 'taught');
    const rows = readFileSync(join(dir, 'taught/metrics.jsonl'), 'utf8').trim().split('\n');
    expect(rows.some((row) => /"train\/loss_hidden":[0-9.e-]+/.test(row))).toBe(true);
    const own = await json<RunResult>(...common, '--teacher', 'exported', '--out', 'own');
    expect(run.last['teacher/top1']).toBe(own.last['teacher/top1']);
    await refuses(
      [...common, '--teacher', FILE, '--set', 'teacher.features.maps.s1=nothing', '--out', 'no'],
      2,
      /teacher\.features\.maps\.s1.*"nothing"/,
    );
  });

  it('teaches in 8 bits, and its outputs are kept and read', async () => {
    const run = async (out: string, ...set: string[]) => {
      const settings = ['data.views=2', 'teacher.store.dir=store', ...set].flatMap((one) => ['--set', one]);
      const args = ['--data', 'data', '--student', ...TINY_VIT, ...COMMON, '--method', 'kd', '--epochs', '2'];
      const { status, stderr } = await understudy(dir, [
        'distill',
        ...args,
        '--teacher',
        FILE,
        ...settings,
        '--out',
        out,
      ]);
      expect(status, stderr).toBe(0);
      const weights = readFileSync(join(dir, out, 'checkpoints/last/model.safetensors')).toString('base64');
      return { weights, log: readFileSync(join(dir, out, 'train.log'), 'utf8') };
    };
    const shards = () =>
      readdirSync(join(dir, 'store'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.shard'));
    const first = await run('kept', 'teacher.precision=int8');
    expect(first.log).toMatch(/teacher\.precision = int8 \(in 8 bits it decides like float on \d+\.\d % of 9 images/);
    expect(first.log).toMatch(/teacher outputs \(logits\) of 24 images x 2 views: 0 % are stored/);
    const written = shards();
    const again = await run('again', 'teacher.precision=int8');
    expect(again.log).toMatch(/x 2 views: 100 % are stored in .*; the teacher need not run/);
    expect(again.weights).toBe(first.weights);
    expect(shards()).toEqual(written);
    // Outputs in float are others, and are not taken for those in 8 bits.
    const float = await run('float', 'teacher.precision=fp32');
    expect(float.log).toMatch(/x 2 views: 0 % are stored/);
    expect(float.weights).not.toBe(first.weights);
    expect(shards().length).toBeGreaterThan(written.length);
  });
});
