import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ort } from '../../src/engine/onnxRuntimeNode.ts';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { RunConfig } from '../../src/config/schema.ts';
import { resample } from '../../src/data/augment/resample.ts';
import { readSafetensors } from '../../src/formats/tensors/safetensorsNode.ts';
import { type ClassProbability, loadModel } from '../../src/index.ts';
import type { EvaluationReport } from '../../src/run/evaluation/judge.ts';
import type { RunResult } from '../../src/run/training/course/result.ts';
import type { ExportReport } from '../../src/run/exporting/exportModel.ts';
import type { FileCheck } from '../../src/run/exporting/agreement.ts';
import type { Inspection } from '../../src/run/models/inspect.ts';
import {
  contents,
  jsonIn,
  TINY_RESNET,
  TINY_VIT,
  temporaryFolder,
  understudy,
  writeClass,
  writeDataset,
} from './commandLine.ts';

const dir = temporaryFolder();
const CLASSES = ['blue', 'green', 'red'];
const COMMON = ['--data', 'data', '--batch', '8', '--set', 'optim.lr=0.01'];

const json = jsonIn(dir);

interface Row {
  readonly image: string;
  readonly top?: readonly ClassProbability[];
  readonly error?: string;
}

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  const teacher = await json<RunResult>(
    'train',
    '--model',
    ...TINY_RESNET,
    ...COMMON,
    '--epochs',
    '8',
    '--out',
    'teacher',
  );
  expect(teacher).toMatchObject({ out: 'teacher', reason: 'done', steps: 24 });
  expect(teacher.best!.top1).toBe(1);
});

describe('train -> eval -> predict -> export -> inspect', () => {
  let trained: RunResult;
  let report: EvaluationReport;
  let rows: Row[];

  beforeAll(async () => {
    trained = await json<RunResult>('train', '--model', ...TINY_VIT, ...COMMON, '--epochs', '2');
    report = await json<EvaluationReport>('eval', trained.out, '--data', 'data');
    rows = await json<Row[]>('predict', trained.out, 'data/val', '--top', '3');
  });

  it('a run goes to a folder of its own with a name that says what it is', async () => {
    expect(trained).toMatchObject({ out: 'runs/data-vit_pico_patch4-supervised', reason: 'done', steps: 6 });
    const again = await json<RunResult>('train', '--model', ...TINY_VIT, ...COMMON, '--epochs', '1', '--images', '8');
    expect(again).toMatchObject({ out: 'runs/data-vit_pico_patch4-supervised-2', steps: 1 });
  });

  it('eval finds what the run found', () => {
    expect(report).toMatchObject({ part: '12 images of data/val', images: 12, skipped: [], absentClasses: [] });
    expect(report.top1).toBe(trained.best!.top1);
    const accuracies = report.classes.map(({ top1 }) => top1!);
    expect(accuracies).toEqual([...accuracies].sort());
    expect(accuracies.reduce((a, b) => a + b) / 3).toBeCloseTo(report.top1!, 12);
    expect(report.classes.map(({ name, images }) => `${name} ${images}`).sort()).toEqual([
      'blue 4',
      'green 4',
      'red 4',
    ]);
  });

  it('eval matches classes by name, whatever their order, and names the absent ones', async () => {
    await writeDataset(join(dir, 'two'), ['green', 'red']);
    const two = await json<EvaluationReport>('eval', trained.out, '--data', 'two/val');
    expect(two).toMatchObject({
      part: 'all 8 images of two/val, which has no validation part',
      absentClasses: ['blue'],
    });
    const sorted = (found: EvaluationReport) => found.classes.map(({ name, top1 }) => `${name} ${top1}`).sort();
    expect(sorted(two)).toEqual(sorted(report).filter((line) => !line.startsWith('blue')));
  });

  it('eval of a run on its own data without a val folder takes the images that it did not train on', async () => {
    for (const name of CLASSES) await writeClass(join(dir, 'flat'), name, 10);
    const run = await json<RunResult>(
      ...['train', '--model', ...TINY_VIT, '--data', 'flat', '--epochs', '1', '--out', 'flatRun'],
    );
    const own = await json<EvaluationReport>('eval', 'flatRun');
    expect(own).toMatchObject({
      part: "the 3 validation images that the run's seed chose of flat",
      images: 3,
      top1: run.best!.top1,
    });
    expect(own.loss).toBeCloseTo(run.last['val/loss']!, 6);
    expect(run).toMatchObject({ data: 'flat', image: expect.stringMatching(/^flat\/\w+\/.*\.png$/) });
    expect(await json<EvaluationReport>('eval', 'teacher', '--data', 'flat')).toMatchObject({ images: 30 });
  });

  it('--set wins over flags, flags over --config', async () => {
    const config = [
      'data: {dir: data, images: 16}',
      'student: {name: resnet18}',
      'train: {epochs: 9, batch: 8, seed: 3}',
    ];
    writeFileSync(join(dir, 'given.yaml'), config.join('\n'));
    const run = await json<RunResult>(
      'train',
      '--config',
      'given.yaml',
      '--model',
      ...TINY_VIT,
      '--epochs',
      '7',
      '--set',
      'train.epochs=1',
      '--out',
      'given',
    );
    expect(run.steps).toBe(2);
    const saved = parse(readFileSync(join(dir, 'given/config.yaml'), 'utf8')) as RunConfig;
    expect(saved).toMatchObject({
      student: { name: 'vit_pico_patch4' },
      train: { epochs: 1, batch: 8, seed: 3 },
      data: { images: 16 },
    });
  });

  it('predict decides as eval does', () => {
    expect(rows.map(({ image }) => image)).toEqual(
      CLASSES.flatMap((name) => [0, 1, 2, 3].map((i) => join('data/val', name, `${i}.png`))),
    );
    const right = rows.filter(({ image, top }) => image.split('/')[2] === top![0]!.class);
    expect(right.length / 12).toBe(report.top1);
    for (const { top } of rows) {
      expect(top!.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 9);
      expect(top!.map((one) => one.class).sort()).toEqual(CLASSES);
    }
  });

  it('predict goes on after an image that cannot be read and says so', async () => {
    writeFileSync(join(dir, 'bad.png'), 'no image');
    const found = await understudy(dir, [
      'predict',
      trained.out,
      'bad.png',
      'data/val/red/0.png',
      '--top',
      '1',
      '--json',
    ]);
    expect(found.status).toBe(1);
    expect(found.stderr).toMatch(/error: Cannot read image bad\.png: .* got a text file of 8 bytes/);
    const [bad, good] = JSON.parse(found.stdout) as Row[];
    expect(bad!.error).toContain('bad.png');
    const before = rows.find(({ image }) => image === good!.image)!;
    expect(good!.top).toEqual(before.top!.slice(0, 1));
  });

  it('the library answers as the command does', async () => {
    const model = await loadModel(join(dir, trained.out));
    expect(model.classes).toEqual(CLASSES);
    const path = join(dir, rows[5]!.image);
    expect(await model.predict(path)).toEqual(rows[5]!.top);
    const { data } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    expect(await model.predict([{ data, width: 16, height: 16 }, path])).toEqual([rows[5]!.top, rows[5]!.top]);
    await model.dispose();
  });

  it('the exported ONNX file answers alike in any ONNX runtime, for batches of 1 and 3', async () => {
    const exported = await json<ExportReport>('export', trained.out, '--out', 'exported', '--data', 'data');
    const [{ random, real }] = exported.checks as [FileCheck];
    expect({ ...exported, ...real }).toMatchObject({ images: 12, top1: 1, accuracy: report.top1, trainedOn: 'data' });
    for (const check of [random, real!]) expect(check.largestDifference).toBeLessThan(1e-5);
    expect(exported.files.map(({ path }) => path)).toEqual(
      ['README.md', 'config.json', 'model.safetensors', 'onnx/model.onnx', 'preprocessor_config.json'].map((name) =>
        join('exported', name),
      ),
    );
    expect(readFileSync(join(dir, 'exported/README.md'), 'utf8')).toContain(
      '[batch, 3, 28, 28]; output `logits` float32 [batch, 3]',
    );
    const session = await ort.InferenceSession.create(join(dir, 'exported/onnx/model.onnx'));
    for (const batch of [1, 3]) {
      for (let at = 0; at + batch <= rows.length; at += batch) {
        const part = rows.slice(at, at + batch);
        const pixels = await Promise.all(part.map(({ image }) => plainPixels(join(dir, image))));
        const input = new ort.Tensor('float32', Float32Array.from(pixels.flat()), [batch, 3, 28, 28]);
        const { logits } = await session.run({ pixel_values: input });
        expect(logits!.dims).toEqual([batch, 3]);
        const answers = part.map((_, i) => softmax((logits!.data as Float32Array).slice(3 * i, 3 * i + 3)));
        part.forEach(({ top }, i) => {
          for (const { class: name, probability } of top!)
            expect(answers[i]![CLASSES.indexOf(name)]).toBeCloseTo(probability, 5);
        });
      }
    }
    expect(await json<EvaluationReport>('eval', 'exported', '--data', 'data')).toEqual({
      ...report,
      model: 'exported',
    });
  });

  it('inspect counts as one does by hand', async () => {
    const found = await json<Inspection>('inspect', trained.out);
    // Patches 4*4*3*16+16, class token 16, positions 50*16; two norms, qkv, proj and the MLP of ratio 2; norm, head.
    const parameters = 784 + 16 + 800 + (32 + 816 + 272 + 32 + 544 + 528) + 32 + 51;
    // 49 patches; of the class token alone query, its way back through the keys' weight, products with 50 tokens, the values'
    // weight, proj, MLP and head.
    const macs = 49 * 48 * 16 + 2 * 16 * 16 + 2 * 50 * 16 + 2 * 16 * 16 + 2 * 16 * 32 + 16 * 3;
    expect(found).toMatchObject({ family: 'vit', parameters, macs, classes: CLASSES });
    expect(found.preprocessing).toEqual({
      imageSize: 28,
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
      evalCropRatio: 1,
    });
    expect(found.features.find(({ name }) => name === 'tokens')).toEqual({
      name: 'tokens',
      count: 1,
      shapes: { '': ['B', 50, 16] },
    });
    const teacher = await json<Inspection>('inspect', 'teacher');
    expect(teacher.features.find(({ name }) => name === 'maps')!.shapes).toEqual({
      stem: ['B', 4, 28, 28],
      s1: ['B', 4, 28, 28],
      s2: ['B', 8, 14, 14],
      s3: ['B', 8, 7, 7],
    });
    expect([teacher.asTeacher.includes('dearkd'), teacher.asStudent.includes('dearkd')]).toEqual([true, false]);
    expect([found.asTeacher.includes('dearkd'), found.asStudent.includes('dearkd')]).toEqual([false, true]);
  });
});

describe('distill', () => {
  const student = ['distill', '--teacher', 'teacher', '--student', ...TINY_VIT, ...COMMON];

  it('kd learns what the teacher knows', async () => {
    const run = await json<RunResult>(
      ...student,
      '--method',
      'kd',
      '--epochs',
      '8',
      '--out',
      'kd',
      '--set',
      'kd.tau=2',
    );
    expect(run.last['teacher/top1']).toBe(1);
    expect(run.best!.top1).toBeGreaterThan(0.9);
    expect(readFileSync(join(dir, 'kd/config.yaml'), 'utf8')).toMatch(/methods:\n {2}kd:\n {4}tau: 2/);
  });

  it('dearkd leaves nothing of the method in the model', async () => {
    const before = contents(join(dir, 'teacher'));
    const run = await understudy(dir, [...student, '--method', 'dearkd', '--epochs', '2', '--out', 'dearkd']);
    expect(run.status, run.stderr).toBe(0);
    expect(run.stderr).toMatch(/stage 1: dearkd, 3 steps[\s\S]*stage 2: supervised, 3 steps/);
    expect(run.stderr).toMatch(/weight of hidden = [\d.e-]+ \("auto"/);
    expect(run.stdout).toMatch(/^model +dearkd\/model$/m);
    const { tensors } = await readSafetensors(join(dir, 'dearkd/model/model.safetensors'));
    expect([...tensors.keys()].filter((name) => name.startsWith('method.'))).toEqual([]);
    expect([...tensors.keys()]).toContain('blocks.0.attn.pos_proj.weight');
    const exported = await json<ExportReport>('export', 'dearkd', '--out', 'dearkdExport');
    expect(exported.checks[0]!.random.largestDifference).toBeLessThan(1e-5);
    expect(contents(join(dir, 'teacher'))).toEqual(before);
  });
});

/** Our evaluation transform by Pillow's numbers: 16 px to 28 px, then normalised planes. */
async function plainPixels(path: string): Promise<number[]> {
  const { data } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
  const whole = { left: 0, top: 0, width: 28, height: 28 };
  const bytes = resample({ data, width: 16, height: 16 }, 28, 28, whole).data;
  const [mean, std] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  return [0, 1, 2].flatMap((c) =>
    Array.from({ length: 28 * 28 }, (_, i) => (bytes[3 * i + c]! / 255 - mean[c]!) / std[c]!),
  );
}

function softmax(logits: Float32Array): number[] {
  const weights = [...logits].map(Math.exp);
  return weights.map((w) => w / weights.reduce((a, b) => a + b));
}
