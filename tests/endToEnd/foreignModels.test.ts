import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  decodeSafetensors,
  encodeSafetensors,
  float32Tensor,
  type SafetensorsTensor,
} from '../../src/formats/tensors/safetensors.ts';
import type { EvaluationReport } from '../../src/run/evaluation/judge.ts';
import type { Inspection } from '../../src/run/models/inspect.ts';
import { type HubServer, hubServer } from '../hubServer.ts';
import { TINY_VIT, temporaryFolder, understudy, writeDataset } from './commandLine.ts';

/** Models that others have trained, in the commands that users type. */

const cwd = temporaryFolder();
const NAME = 'some-org/colours';
const CLASSES = ['green', 'blue', 'red'];

/** A golden state dict with its config, its classifier cut to the three classes of the data. */
function goldenModel(name: string, heads: readonly string[]) {
  const path = new URL(`../golden/weights/${name}.safetensors`, import.meta.url);
  const { tensors, metadata } = decodeSafetensors(readFileSync(path));
  const state = new Map<string, SafetensorsTensor>();
  for (const [key, tensor] of tensors) {
    if (!key.startsWith('state.')) continue;
    const bare = key.slice('state.'.length);
    const size = tensor.shape.length === 2 ? 3 * tensor.shape[1]! : 3;
    const cut = heads.some((head) => bare.startsWith(head));
    state.set(
      bare,
      cut ? float32Tensor([3, ...tensor.shape.slice(1)], (tensor.data as Float32Array).slice(0, size)) : tensor,
    );
  }
  const { config } = JSON.parse(metadata.config!) as { config: Record<string, unknown> };
  const id2label = Object.fromEntries(CLASSES.map((label, i) => [String(i), label]));
  return { weights: Buffer.from(encodeSafetensors(state)), config: { ...config, id2label } };
}

let server: HubServer;
beforeAll(async () => {
  await writeDataset(join(cwd, 'data'));
  const { weights, config }: { weights: Buffer; config: Record<string, unknown> } = goldenModel('hfVit', [
    'classifier',
  ]);
  const preprocessor = { size: 16, image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], resample: 3 };
  server = await hubServer(NAME, {
    'config.json': Buffer.from(JSON.stringify(config)),
    'preprocessor_config.json': Buffer.from(JSON.stringify(preprocessor)),
    'model.safetensors': weights,
  });
  process.env.HF_ENDPOINT = server.url;
  process.env.HF_HUB_CACHE = join(cwd, 'cache');
  process.env.HF_HUB_DISABLE_IMPLICIT_TOKEN = '1';
  for (const folder of ['named', 'bare', 'labels']) {
    mkdirSync(join(cwd, folder));
    writeFileSync(join(cwd, folder, 'model.safetensors'), weights);
    writeFileSync(join(cwd, folder, 'preprocessor_config.json'), JSON.stringify(preprocessor));
  }
  writeFileSync(join(cwd, 'named/config.json'), JSON.stringify(config));
  const { id2label, ...unnamed } = config;
  const labels = { id2label, num_attention_heads: config.num_attention_heads };
  writeFileSync(join(cwd, 'labels/config.json'), JSON.stringify(labels));
  writeFileSync(join(cwd, 'bare/config.json'), JSON.stringify(unnamed));
  writeFileSync(join(cwd, 'classes.txt'), `${CLASSES.join('\n')}\n`);
  writeFileSync(join(cwd, 'two.txt'), 'green\nblue\n');
  const dino = goldenModel('timmDino', []);
  mkdirSync(join(cwd, 'dino'));
  writeFileSync(join(cwd, 'dino/backbone.safetensors'), dino.weights);
});
afterAll(async () => {
  await server.close();
  for (const key of ['HF_ENDPOINT', 'HF_HUB_CACHE', 'HF_HUB_DISABLE_IMPLICIT_TOKEN', 'HF_HUB_OFFLINE'])
    delete process.env[key];
});

// Several processes a test: a busy machine takes long to start them.
describe('foreign models', { timeout: 300_000 }, () => {
  it('hf: inspect downloads, eval offline matches classes by name, distill takes it as its teacher', async () => {
    const seen = await understudy(cwd, ['inspect', `hf:${NAME}`, '--json']);
    expect(seen.stderr).toContain('downloading model.safetensors: ');
    expect(JSON.parse(seen.stdout) as Inspection).toMatchObject({
      model: `hf:${NAME}`,
      family: 'vit',
      classes: CLASSES,
    });
    process.env.HF_HUB_OFFLINE = '1';
    const evaluated = await understudy(cwd, ['eval', `hf:${NAME}`, '--data', 'data', '--json']);
    const report = JSON.parse(evaluated.stdout) as EvaluationReport;
    expect(report).toMatchObject({ model: `hf:${NAME}`, images: 12, absentClasses: [] });
    expect(report.classes.map(({ name }) => name).sort()).toEqual(['blue', 'green', 'red']);
    const settings = ['--epochs', '1', '--set', 'train.evalEvery=1', '--set', 'student.settings.depth=1'];
    const student = ['--student', 'vit_pico_patch4', '--set', 'student.imageSize=16', '--method', 'kd'];
    const run = await understudy(cwd, [
      'distill',
      '--data',
      'data',
      '--teacher',
      `hf:${NAME}`,
      ...student,
      ...settings,
      '--out',
      'run',
      '--json',
    ]);
    expect(run.stderr).toContain(`teacher: hf:${NAME} (vit)`);
    const top1 = (JSON.parse(run.stdout) as { last: Record<string, number> }).last['teacher/top1'];
    // The classes of data and teacher are in another order: the teacher's accuracy is measured by name or not at all.
    expect([undefined, report.top1]).toContain(top1);
    expect(run.status).toBe(0);
  });

  it('weights without names are described by flags and settings, and are then what those with names are', async () => {
    const evaluate = async (ref: string, ...flags: string[]) => {
      const { stdout, stderr } = await understudy(cwd, ['eval', ref, '--data', 'data', '--json', ...flags]);
      expect(stdout, stderr).not.toBe('');
      return JSON.parse(stdout) as EvaluationReport;
    };
    const whole = await evaluate('named');
    const bare = await evaluate('bare', '--classes', 'classes.txt');
    expect([bare.top1, bare.loss]).toEqual([whole.top1, whole.loss]);
    const labels = await evaluate('labels');
    expect([labels.top1, labels.loss]).toEqual([whole.top1, whole.loss]);
    // By index they are the data's in alphabetical order, which this model's are not.
    expect((await evaluate('bare', '--classes', 'index')).loss).not.toBe(whole.loss);
    const darker = await evaluate('bare', '--classes', 'classes.txt', '--mean', '0.4,0.4,0.4', '--std', '0.5,0.5,0.5');
    expect(darker.loss).not.toBe(whole.loss);
    const teacher = ['--set', 'teacher.classes=classes.txt', '--set', 'teacher.mean=[0.5, 0.5, 0.5]'];
    const run = ['distill', '--data', 'data', '--student', ...TINY_VIT, '--method', 'kd', '--epochs', '1', '--json'];
    const taught = await understudy(cwd, [
      ...run,
      '--teacher',
      'bare/model.safetensors',
      ...teacher,
      '--out',
      'taught',
    ]);
    expect(taught.status, taught.stderr).toBe(0);
    // The file may change before the run is gone on with.
    expect(readFileSync(join(cwd, 'taught/config.yaml'), 'utf8')).toMatch(/classes:\s+- green\s+- blue\s+- red/);
    expect(
      await understudy(cwd, ['export', 'bare/model.safetensors', '--classes', 'classes.txt', '--out', 'web']),
    ).toMatchObject({ status: 0 });
    expect(
      Object.values((JSON.parse(readFileSync(join(cwd, 'web/config.json'), 'utf8')) as { id2label: object }).id2label),
    ).toEqual(CLASSES);
  });

  it.each([
    [
      'too few names',
      ['eval', 'bare/model.safetensors', '--data', 'data', '--classes', 'two.txt'],
      /wanted 3 class names.*got 2/,
    ],
    [
      'none, for a teacher',
      ['distill', '--data', 'data', '--student', ...TINY_VIT, '--method', 'kd', '--teacher', 'bare/model.safetensors'],
      /name its classes.*--set teacher\.classes=index/,
    ],
    ['none, for eval', ['eval', 'bare/model.safetensors', '--data', 'data'], /Name its classes \(--classes FILE/],
    [
      'index, for an export',
      ['export', 'bare/model.safetensors', '--out', 'x', '--classes', 'index'],
      /wanted the names of its classes/,
    ],
    [
      'a model of our own',
      ['eval', 'web', '--data', 'data', '--classes', 'index'],
      /classes: wanted for models that others have trained/,
    ],
    [
      'features',
      [
        'distill',
        '--data',
        'data',
        '--student',
        ...TINY_VIT,
        '--method',
        'kd',
        '--teacher',
        'bare/model.safetensors',
        '--set',
        'teacher.features.pooled=x',
      ],
      /features are chosen in \.onnx files/,
    ],
  ])('names refused: %s', async (_, args, message) => {
    const found = await understudy(cwd, args);
    expect([found.status, found.stdout]).toEqual([2, '']);
    expect(found.stderr).toMatch(message);
  });

  it('a model that is trained further sees the pixels that it knows, and others where that is said', async () => {
    const train = ['train', '--data', 'data', '--init', 'named', '--epochs', '1', '--set', 'train.linearProbe=0'];
    const meanOf = (run: string) => {
      const text = readFileSync(join(cwd, run, 'model/preprocessor_config.json'), 'utf8');
      return (JSON.parse(text) as { image_mean: number[] }).image_mean;
    };
    const own = await understudy(cwd, [...train, '--out', 'further']);
    expect([own.status, own.stdout + own.stderr]).toEqual([0, expect.stringContaining('augment.mean 0.5 0.5 0.5')]);
    expect(readFileSync(join(cwd, 'further/config.yaml'), 'utf8')).toContain(
      'std: auto # 0.5 0.5 0.5: as the model that the student starts from',
    );
    await understudy(cwd, [...train, '--set', 'augment.mean=[0.4, 0.5, 0.6]', '--out', 'otherwise']);
    expect([meanOf('further'), meanOf('otherwise')]).toEqual([
      [0.5, 0.5, 0.5],
      [0.4, 0.5, 0.6],
    ]);
  });

  it('a bare file without a classifier: heads are asked for, eval refuses, train --init fits a head', async () => {
    const file = 'dino/backbone.safetensors';
    const asked = await understudy(cwd, ['inspect', file]);
    expect([asked.status, asked.stderr]).toEqual([2, expect.stringContaining('--set student.settings.heads=N')]);
    const settings = ['--epochs', '1', '--set', 'student.settings.heads=3', '--out', 'tuned'];
    const run = await understudy(cwd, ['train', '--data', 'data', '--init', file, ...settings]);
    expect([run.status, run.stderr]).toEqual([
      0,
      expect.stringContaining("ImageNet's mean and std and a crop of 0.875 are assumed"),
    ]);
    const { classes, config } = JSON.parse(
      (await understudy(cwd, ['inspect', 'tuned', '--json'])).stdout,
    ) as Inspection;
    expect([classes, config]).toEqual([
      ['blue', 'green', 'red'],
      expect.objectContaining({ heads: 3, width: 12, classes: 3 }),
    ]);
    writeFileSync(
      join(cwd, 'dino/config.json'),
      JSON.stringify({ architecture: 'made_up', model_args: { num_heads: 3 } }),
    );
    const refused = await understudy(cwd, ['eval', file, '--data', 'data']);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain(`error: ${file}: wanted logits, got a vit without a classifier`);
  });
});
