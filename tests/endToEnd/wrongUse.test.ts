import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { float32Tensor } from '../../src/formats/tensors/safetensors.ts';
import { readSafetensors, writeSafetensors } from '../../src/formats/tensors/safetensorsNode.ts';
import {
  refusalsIn,
  TINY_RESNET,
  TINY_VIT,
  temporaryFolder,
  understudy,
  writeClass,
  writeDataset,
} from './commandLine.ts';

const dir = temporaryFolder();
const refuses = refusalsIn(dir);
const FAST = ['--epochs', '1', '--batch', '8'];

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  await writeDataset(join(dir, 'other'), ['blue', 'green', 'yellow']);
  const trained = await understudy(dir, [
    'train',
    '--data',
    'data',
    '--model',
    ...TINY_RESNET,
    ...FAST,
    '--out',
    'run',
  ]);
  expect(trained.stderr).toContain('saved best');
  expect(trained.status).toBe(0);
});

describe('data', () => {
  const train = (data: string, ...more: string[]) => [
    'train',
    '--data',
    data,
    '--model',
    ...TINY_VIT,
    ...FAST,
    '--out',
    'new',
    ...more,
  ];

  it('a missing folder', () =>
    refuses(train('nowhere'), 2, 'nowhere: wanted a folder of images, got nothing there. Check the path'));

  it('a file where a folder is wanted', () =>
    refuses(train('data/train/red/0.png'), 2, /0\.png: wanted a folder of images, or a \.csv/));

  it('an empty class', async () => {
    cpSync(join(dir, 'data'), join(dir, 'emptyClass'), { recursive: true });
    mkdirSync(join(dir, 'emptyClass/train/violet'));
    await refuses(
      train('emptyClass'),
      2,
      'wanted images in every class folder; got none in "violet". Add images or delete the folder',
    );
  });

  it('one class only', async () => {
    await writeClass(join(dir, 'lone'), 'red', 3);
    await refuses(train('lone'), 2, 'One class only: lone: wanted two class folders or more, got "red"');
  });

  it('images without classes', () =>
    refuses(
      train('data/train/red'),
      2,
      'data/train/red: wanted images in class folders',
      'got images without classes. Put each class in a folder',
    ));

  it('validation classes that the training images lack', async () => {
    cpSync(join(dir, 'data'), join(dir, 'surplus'), { recursive: true });
    await writeClass(join(dir, 'surplus/val'), 'yellow', 1);
    await refuses(
      train('surplus'),
      2,
      'surplus/val: wanted only classes of train/, got "yellow", not among "blue", "green", "red". Rename or delete',
    );
  });

  it('a text file named .jpg and a truncated PNG end the run and are named', async () => {
    cpSync(join(dir, 'data'), join(dir, 'damaged'), { recursive: true });
    writeFileSync(join(dir, 'damaged/train/red/text.jpg'), 'not an image');
    const whole = readFileSync(join(dir, 'damaged/train/red/0.png'));
    writeFileSync(join(dir, 'damaged/train/red/cut.png'), whole.subarray(0, whole.length / 2));
    const found = await understudy(dir, [
      ...train('damaged').slice(0, -1),
      'damagedRun',
      '--set',
      'data.maxBadFraction=0.05',
    ]);
    expect(found.stderr).toMatch(/wanted at most 5 % unreadable images of 26, got 2 so far/);
    expect(found.stderr).toMatch(/train\/red\/text\.jpg: .*a text file of 12 bytes/);
    expect(found.stderr).toMatch(/train\/red\/cut\.png: .*a damaged or truncated file/);
    expect(found.stderr).toMatch(/Replace or delete these files, or raise data\.maxBadFraction/);
    expect(found.stderr).not.toMatch(/^\s+at /m);
    expect(found.status).toBe(1);
  });
});

describe('models', () => {
  it('a teacher with other classes', async () => {
    const args = [
      'distill',
      '--data',
      'other',
      '--teacher',
      'run',
      '--student',
      ...TINY_VIT,
      '--method',
      'kd',
      ...FAST,
      '--out',
      'new',
    ];
    await refuses(
      args,
      2,
      "teacher run/model: its classes differ from the data's: the teacher lacks yellow; the data lacks red",
      /train --data other --init run\/model/,
    );
  });

  it('data with classes that the model lacks', () =>
    refuses(
      ['eval', 'run', '--data', 'other'],
      2,
      'other: wanted only classes of the model run/model (blue, green, red), got yellow besides. Remove these folders',
    ));

  it('weights that do not fit the model', async () => {
    cpSync(join(dir, 'run/model'), join(dir, 'edited'), { recursive: true });
    const path = join(dir, 'edited/model.safetensors');
    const { tensors } = await readSafetensors(path);
    const changed = [...tensors].filter(([name]) => name !== 'fc.bias');
    await writeSafetensors(path, [...changed, ['fc.extra', float32Tensor([2], new Float32Array(2))] as const]);
    const diff = ['edited: the weights do not fit the model', /^- fc\.bias \[3\]$/m, /^\+ fc\.extra \[2\]$/m];
    await refuses(['eval', 'edited', '--data', 'data'], 2, ...diff);
    await refuses(['predict', 'edited', 'data/val/red/0.png'], 2, ...diff);
    await refuses(['export', 'edited', '--out', 'new'], 2, ...diff);
    await refuses(
      ['distill', '--data', 'data', '--teacher', 'edited', '--student', ...TINY_VIT, '--method', 'kd', '--out', 'new'],
      2,
      ...diff,
    );
  });

  it('a plain folder, a file, a name or nothing where a model is wanted', async () => {
    await refuses(
      ['eval', 'data', '--data', 'data'],
      2,
      'data: wanted a run folder or an exported model folder, got a folder without config.json, model/ or checkpoints/',
    );
    await refuses(['inspect', 'data/val/red/0.png'], 2, 'got a file');
    await refuses(
      ['eval', 'resnet18', '--data', 'data'],
      2,
      'resnet18: wanted a trained model, got the name of an architecture; train it first',
    );
    await refuses(['predict', 'runn', 'data/val/red/0.png'], 2, 'Unknown model or folder "runn"');
    await refuses(['export', './nowhere', '--out', 'new'], 2, './nowhere: no such folder; wanted a run folder');
  });

  it('a start from another architecture than the named one', () =>
    refuses(
      ['train', '--data', 'data', '--model', 'vit_pico_patch4', '--init', 'run', '--out', 'new'],
      2,
      'run/model: wanted weights of vit_pico_patch4, a vit, got a resnet. Leave the name of the model out',
    ));
});

describe('run folders', () => {
  const again = ['train', '--data', 'data', '--model', ...TINY_RESNET, ...FAST];

  it('an existing run without --resume', () =>
    refuses(
      [...again, '--out', 'run'],
      2,
      /run: wanted an empty or new folder for a new run, got checkpoints.*Use `--resume` to go on with it, or another `--out`/,
    ));

  it('--resume without a run', async () => {
    await refuses(
      ['train', '--resume', '--out', 'nothere'],
      2,
      'nothere: --resume: wanted the folder of a run, got no such folder. Check --out, or leave --resume out',
    );
    await refuses(
      ['train', '--resume', '--out', 'data'],
      2,
      'data: --resume: wanted the folder of a run, got a path without config.yaml',
    );
    await refuses(
      ['train', '--resume'],
      2,
      '--resume: wanted the folder of the run to go on with, got none; add --out RUN',
    );
  });

  it('--resume with other settings than the run', () =>
    refuses(
      ['train', '--resume', '--out', 'run', '--epochs', '7', '--set', 'optim.lr=0.5'],
      2,
      'train.epochs: the run has 1, got 7',
      'optim.lr: the run has "auto", got 0.5',
      'Leave these out',
    ));

  it('--resume after the images changed', async () => {
    cpSync(join(dir, 'data'), join(dir, 'moving'), { recursive: true });
    const args = ['train', '--data', 'moving', '--model', ...TINY_RESNET, ...FAST, '--out', 'moved'];
    expect((await understudy(dir, args)).status).toBe(0);
    await writeClass(join(dir, 'moving/train'), 'red', 9);
    rmSync(join(dir, 'moving/train/blue/3.png'));
    await refuses(
      ['train', '--resume', '--out', 'moved'],
      2,
      /moving: the training images changed since the checkpoint .*: 1 is new \(train\/red\/8\.png\), 1 is gone \(train\/blue\/3\.png\);/,
      'put them back, or start a new run',
    );
  });

  it('--resume after an image is gone of a folder without parts: why others seem gone too', async () => {
    cpSync(join(dir, 'data/train'), join(dir, 'undivided'), { recursive: true });
    const args = ['train', '--data', 'undivided', '--model', ...TINY_RESNET, ...FAST, '--out', 'drawn'];
    expect((await understudy(dir, args)).status).toBe(0);
    rmSync(join(dir, 'undivided/blue/3.png'));
    const told =
      'The validation images are drawn from all: one file more or less moves others from part to part. To go on';
    await refuses(['train', '--resume', '--out', 'drawn'], 2, told);
  });

  it('--resume after an image was replaced under its name; written anew with its size it is told', async () => {
    cpSync(join(dir, 'data'), join(dir, 'replaced'), { recursive: true });
    const args = ['train', '--data', 'replaced', '--model', ...TINY_RESNET, ...FAST, '--out', 'replacedRun'];
    expect((await understudy(dir, args)).status).toBe(0);
    const path = join(dir, 'replaced/train/blue/3.png');
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(1)]));
    await refuses(
      ['train', '--resume', '--out', 'replacedRun'],
      2,
      /replaced: the training images changed since the checkpoint .*: 1 has other contents \(train\/blue\/3\.png\); put them back/,
    );
    writeFileSync(path, bytes);
    const again = await understudy(dir, ['train', '--resume', '--out', 'replacedRun']);
    expect([again.status, again.stdout + again.stderr]).toEqual([
      0,
      expect.stringMatching(/of the training images 1 was written anew \(train\/blue\/3\.png\) since the run began/),
    ]);
  });

  it('--resume after the validation images changed', async () => {
    cpSync(join(dir, 'data'), join(dir, 'judged'), { recursive: true });
    const args = ['train', '--data', 'judged', '--model', ...TINY_RESNET, ...FAST, '--out', 'judgedRun'];
    expect((await understudy(dir, args)).status).toBe(0);
    const gone = readdirSync(join(dir, 'judged/val/blue'))[0]!;
    rmSync(join(dir, 'judged/val/blue', gone));
    await refuses(
      ['train', '--resume', '--out', 'judgedRun'],
      2,
      /judged: the validation images changed since the checkpoint .*: 1 is gone \(val\/blue\/[^,]*\); put them back/,
    );
  });

  it('a folder that cannot be written', async () => {
    await refuses(
      [...again, '--out', '/dev/null/run'],
      2,
      '/dev/null/run: wanted to use it as run folder, got ENOTDIR',
      'choose another path',
    );
    await refuses(
      ['export', 'run', '--out', '/dev/null/x'],
      2,
      '/dev/null/x: wanted to export to it, got ENOTDIR',
      'choose another path',
    );
  });

  it('an export folder that is not empty', () =>
    refuses(
      ['export', 'run', '--out', 'data'],
      2,
      'data: wanted a new or empty folder to export to, got train, val. Choose another --out, or delete it',
    ));

  it('kinds of numbers that do not exist', async () => {
    await refuses(['export', 'run', '--out', 'new', '--dtype', 'pf32'], 2, 'Unknown dtype "pf32". Did you mean fp32?');
  });
});
