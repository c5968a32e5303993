import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/openDatasetNode.ts';
import { buildModel, variantConfig } from '../../src/models/index.ts';
import { initialValue } from '../../src/nn/initialise.ts';
import { emit } from '../../src/onnx/emit.ts';
import { frozenProgram, modelParams } from '../../src/program/evalProgram.ts';
import type { DataFreeResult } from '../../src/run/synthesis/dataFree.ts';
import type { LoadedModel } from '../../src/run/models/loaded.ts';
import { checkVerifier } from '../../src/run/synthesis/checkTeacher.ts';
import { digestOfModel, type SetDescription } from '../../src/run/synthesis/settingsFile.ts';
import { contents, jsonIn, refusalsIn, TINY_VIT, temporaryFolder, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
const json = jsonIn(dir);
const refuses = refusalsIn(dir);

describe('images from an .onnx teacher', { timeout: 300_000 }, () => {
  const COMMON = ['--images', '24', '--per-batch', '12x2', '--set', 'iterations=3', '--set', 'size=32'];
  const said = (prefix = '') => ['mean', 'std'].flatMap((key) => ['--set', `${prefix}${key}=[0.5, 0.5, 0.5]`]);
  const digestIn = (out: string) =>
    (JSON.parse(readFileSync(join(dir, out, 'synthesis.json'), 'utf8')) as SetDescription).teacher.sha256;

  beforeAll(async () => {
    await writeDataset(join(dir, 'data'));
    for (const seed of [1, 2]) {
      const network = buildModel(variantConfig('resnet8_small', { classes: 12, widths: [4, 8, 8], depths: [1, 1, 1] }));
      const params = modelParams(network).map(
        (p) => [p.name, { shape: p.shape, data: initialValue(p, seed) }] as const,
      );
      writeFileSync(join(dir, `plain${seed}.onnx`), emit(frozenProgram(network, new Map(params), 1)));
    }
  });

  it('says what it does not know, in settings that the command takes', async () => {
    await refuses(
      ['synthesize', '--teacher', 'plain1.onnx', '--out', 'x', ...COMMON],
      2,
      /names of its 12 classes .* nor how pixels are normalised .*--set teacher\.classes=FILE --set "teacher\.mean=/s,
    );
  });

  it('known by numbers, its classes are folders in their order; another file is another teacher', async () => {
    const index = ['--set', 'teacher.classes=index', ...said('teacher.')];
    const first = await understudy(dir, [
      'synthesize',
      '--teacher',
      'plain1.onnx',
      '--out',
      'set1',
      ...COMMON,
      ...index,
    ]);
    expect(first.stdout).toMatch(
      /--method dearkd --set '?teacher\.classes=index'? --set 'teacher\.mean=\[0\.5,0\.5,0\.5\]'/,
    );
    await json('synthesize', '--teacher', 'plain2.onnx', '--out', 'set2', ...COMMON, ...index);
    const { classes } = await openDataset(join(dir, 'set1'), { valFraction: 0, seed: 0 });
    expect(classes).toEqual(['00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11']);
    const before = contents(join(dir, 'set1'));
    await refuses(
      ['synthesize', '--teacher', 'plain2.onnx', '--out', 'set1', ...COMMON, ...index],
      2,
      /begun with other settings[\s\S]*teacher\.sha256/,
    );
    expect(contents(join(dir, 'set1'))).toEqual(before);
    expect(digestIn('set1')).not.toBe(digestIn('set2'));
    const other = [
      '--set',
      'teacher.classes=index',
      '--set',
      'teacher.mean=[0, 0, 0]',
      '--set',
      'teacher.std=[1, 1, 1]',
    ];
    await refuses(
      ['synthesize', '--teacher', 'plain1.onnx', '--out', 'set1', ...COMMON, ...other],
      2,
      /teacher\.sha256/,
    );
  });

  it('makes images that are too small for its last map', async () => {
    const small = COMMON.map((arg) => (arg === 'size=32' ? 'size=4' : arg));
    const index = ['--set', 'teacher.classes=index', '--set', 'jitter=1', ...said('teacher.')];
    await json('synthesize', '--teacher', 'plain1.onnx', '--out', 'small', ...small, ...index);
  });

  it('is named by the data where there are some, before an image is made', async () => {
    const free = ['distill', '--data-free', '--teacher', 'plain1.onnx', '--student', ...TINY_VIT, '--images', '24'];
    const index = ['--set', 'teacher.classes=index', ...said('teacher.')];
    await refuses([...free, '--data', 'data', '--out', 'x', ...index], 2, /wanted 12 class names.*got 3/);
    const names = ['--set', 'teacher.classes=twelve.txt', ...said('teacher.')];
    writeFileSync(join(dir, 'twelve.txt'), Array.from({ length: 12 }, (_, i) => `c${i}\n`).join(''));
    await refuses(
      [...free, '--data', 'data', '--out', 'x', ...names],
      2,
      /wanted images of the teacher's classes \(c0, /,
    );
    expect(existsSync(join(dir, 'runs/images'))).toBe(false);
  });

  it('is distilled without data by the same settings', async () => {
    const { images } = await json<DataFreeResult>(
      ...['distill', '--data-free', '--teacher', 'plain1.onnx', '--student', ...TINY_VIT, '--images', '24'],
      ...[
        '--set',
        'synthesis.iterations=3',
        '--set',
        'synthesis.imagesPerClass=2',
        '--set',
        'synthesis.classesPerBatch=12',
      ],
      ...['--set', 'teacher.classes=index', ...said('teacher.')],
      ...['--epochs', '2', '--batch', '8', '--out', 'fromOnnx'],
    );
    expect(images.images).toBe(24);
  });
});

it('the identity of a model that others have trained has in it what is said of it', () => {
  const network = buildModel(variantConfig('resnet8_small', { classes: 2, widths: [4, 8, 8], depths: [1, 1, 1] }));
  const preprocessing = { imageSize: 28, mean: [0, 0, 0], std: [1, 1, 1], evalCropRatio: 1 };
  const model = {
    network,
    weights: new Map(),
    preprocessing,
    classes: ['a', 'b'],
    foreign: true,
  } as unknown as LoadedModel;
  const others = [
    { classes: ['b', 'a'] },
    { preprocessing: { ...preprocessing, mean: [0.5, 0, 0] } },
    { preprocessing: { ...preprocessing, imageSize: 32 } },
  ];
  const digests = [model, ...others.map((one) => ({ ...model, ...one }) as LoadedModel)].map(digestOfModel);
  expect(new Set(digests).size).toBe(4);
  const cropped = { ...model, preprocessing: { ...preprocessing, evalCropRatio: 0.9 } } as unknown as LoadedModel;
  expect(digestOfModel(cropped)).toBe(digests[0]);
});

it('a verifier knows the classes of the set', () => {
  const verifier = { path: 'other', classes: ['a', 'b'] } as unknown as LoadedModel;
  expect(() => checkVerifier(verifier, ['b'])).not.toThrow();
  expect(() => checkVerifier(verifier, ['b', 'c'])).toThrow('got one without c. Put a config.json');
});
