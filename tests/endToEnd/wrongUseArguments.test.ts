import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { refusalsIn, TINY_RESNET, temporaryFolder, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();
const refuses = refusalsIn(dir);
const FAST = ['--epochs', '1', '--batch', '8'];

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
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

describe('names and settings', () => {
  const distill = (...more: string[]) => [
    'distill',
    '--data',
    'data',
    '--teacher',
    'run',
    '--out',
    'new',
    ...FAST,
    ...more,
  ];

  it('an unknown model', () =>
    refuses(
      ['train', '--data', 'data', '--model', 'resnet8_smal'],
      2,
      'Unknown model "resnet8_smal". Did you mean resnet8_small? Available: deit3_base',
    ));

  it('an unknown method', () =>
    refuses(
      distill('--student', 'vit_pico_patch4', '--method', 'dearkdd'),
      2,
      'Unknown method "dearkdd". Did you mean dearkd? Available: cskd, dearkd, deit',
    ));

  it('unknown --set keys', async () => {
    const common = distill('--student', 'vit_pico_patch4', '--method', 'kd');
    await refuses(
      [...common, '--set', 'optim.lrr=1'],
      2,
      'unknown key optim.lrr. Did you mean optim.lr? Available: name, lr',
    );
    await refuses([...common, '--set', 'kd.tua=1'], 2, 'unknown key tua. Did you mean tau? Available: alpha, tau');
    await refuses(
      [...common, '--set', 'student.settings.dept=1'],
      2,
      'student.settings: unknown key dept. Did you mean depth?',
    );
    await refuses([...common, '--set', 'optim.lr'], 2, '--set optim.lr: wanted key=value');
  });

  it('values that do not fit', async () => {
    const common = distill('--student', 'vit_pico_patch4', '--method', 'kd');
    await refuses([...common, '--set', 'optim.lr=fast'], 2, /optim\.lr: wanted .*a number, got "fast"/);
    await refuses([...common, '--set', 'kd.alpha=2'], 2, /methods\.kd: alpha: wanted .*at most 1, got 2/);
    await refuses([...common, '--fraction', '2'], 2, '--fraction: wanted a number above 0 up to 1, got "2"');
    await refuses([...common, '--images', 'many'], 2, '--images: wanted a whole number from 1 on, got "many"');
    await refuses([...common, '--device', 'cuda'], 2, 'device cuda: wanted ');
    await refuses([...common, '--set', 'student.settings={"width":17}'], 2, 'width 17 is not a multiple of 4 heads');
  });

  it('a method whose features the teacher lacks', () =>
    refuses(
      distill('--student', 'vit_pico_patch4', '--method', 'vitkd'),
      2,
      /vitkd needs teacher\.tokens.*; this teacher, a resnet, has logits, placeLogits, maps, pooled, embedding, dense, normStats\. a Vision Transformer would work/,
    ));

  it('a pair of layers that does not exist', () =>
    refuses(
      distill(
        '--student',
        'vit_pico_patch4',
        '--method',
        'dearkd',
        '--set',
        'dearkd.stageOne=1',
        '--set',
        'dearkd.pairs=[{"block":0,"stage":"s9"}]',
      ),
      2,
      'unknown teacher stage "s9". Available: stem, s1',
    ));

  it('a configuration file that is none', async () => {
    writeFileSync(join(dir, 'broken.yaml'), 'data: [');
    await refuses(['train', '--config', 'broken.yaml'], 2, 'broken.yaml: wanted YAML, got ');
    writeFileSync(join(dir, 'list.yaml'), '- data');
    await refuses(['train', '--config', 'list.yaml'], 2, 'list.yaml: not a configuration file: wanted a mapping');
    await refuses(
      ['train', '--config', 'absent.yaml'],
      2,
      'absent.yaml: no such file; wanted a configuration file in YAML',
    );
  });

  it.each([
    ['optim: {lrr: 1}', 'wrong.yaml: unknown key optim.lrr. Did you mean optim.lr?'],
    ['data: 5', 'wrong.yaml: data: wanted a section of keys and values, got 5'],
    ['student: {init: 5}', 'wrong.yaml: student.init: wanted a text, got 5'],
    ['stages: [null]', 'wrong.yaml: stages'],
    ['method: dearkdd', 'wrong.yaml: Unknown method "dearkdd". Did you mean dearkd?'],
    ['teacher: {precision: int9}', 'wrong.yaml: teacher.precision'],
  ])('a configuration file with %s is named', async (text, message) => {
    writeFileSync(join(dir, 'wrong.yaml'), text);
    await refuses(['train', '--config', 'wrong.yaml', '--data', 'data', '--model', 'resnet8_small'], 2, message);
  });

  it('what a configuration file leaves to the flags is not missed', async () => {
    writeFileSync(join(dir, 'parts.yaml'), 'teacher: {precision: fp32}\ndata: {workers: 1}\n');
    await refuses(
      [...distill('--config', 'parts.yaml', '--student', 'vit_pico_patch4'), '--method', 'vitkd'],
      2,
      'vitkd needs teacher.tokens',
    );
  });
});

describe('command line', () => {
  it('unknown commands, flags and listings', async () => {
    await refuses(['destill'], 2, 'Unknown command "destill". Did you mean distill? Available: distill, train');
    await refuses(
      ['train', '--epoch', '3'],
      2,
      'Unknown flag "--epoch" of understudy train. Did you mean --epochs? Available: --data',
    );
    await refuses(['train', '-epochs', '3'], 2, 'Unknown flag "-epochs"', 'Did you mean --epochs?');
    await refuses(
      ['list', 'model'],
      2,
      'Unknown list "model". Did you mean models? Available: augmentations, defaults, methods, models',
    );
  });

  it('missing and surplus arguments', async () => {
    await refuses(['eval', '--data', 'data'], 2, 'missing REF; for example: understudy eval');
    await refuses(['eval', 'run', '--data'], 2, '--data: wanted a value');
    cpSync(join(dir, 'run/model'), join(dir, 'moved'), { recursive: true });
    await refuses(['eval', 'moved'], 2, 'moved: wanted images to evaluate on, got a model that is in no', 'add --data');
    await refuses(['eval', 'run', 'data'], 2, '"data" is one argument too many');
    await refuses(['predict', 'run'], 2, 'missing IMAGE...; for example');
    await refuses(['train', '--data'], 2, '--data: wanted a value (--data DIR), got nothing');
    await refuses(['train', '--data', '--out', 'new'], 2, '--data: wanted a value (--data DIR), got the flag --out');
    await refuses(['train', '--out', 'a', '--out', 'b'], 2, '--out is given twice; wanted it once');
    await refuses(['train', '--json=maybe'], 2, '--json: wanted no value, got "maybe"');
    await refuses(
      ['train', '--out', 'new'],
      2,
      'understudy train: missing --data DIR, --model NAME (or --init REF) (or data.dir, student.name in the file',
    );
    await refuses(
      ['distill', '--data', 'data'],
      2,
      'understudy distill: missing --teacher REF, --student NAME, --method NAME',
    );
    await refuses(
      ['predict', 'run', 'data/val/red/0.png', '--top', '0'],
      2,
      '--top: wanted a whole number from 1 on, got "0"',
    );
  });

  it('Muon for a network of convolutions, where it would be AdamW', () =>
    refuses(
      ['train', '--data', 'data', '--model', 'resnet8_small', '--set', 'optim.name=muon', '--out', 'new'],
      2,
      'optim.name: muon moves the matrices of hidden layers, and a resnet has none; set optim.name=adamw',
    ));
});
