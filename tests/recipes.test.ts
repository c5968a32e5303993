import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config/parse.ts';
import { RECIPES, type Recipe } from '../src/config/recipes/index.ts';
import { type RunConfig, runSchema } from '../src/config/schema.ts';
import { chooseSettings } from '../src/run/plan/defaults.ts';
import type { RunResult } from '../src/run/training/course/result.ts';
import { trainRun } from '../src/run/training/trainRunNode.ts';
import { VARIANTS, variantConfig } from '../src/models/index.ts';
import type { RunEvent, StepEvent } from '../src/train/events.ts';
import { temporaryFolder, understudy, writeDataset } from './endToEnd/commandLine.ts';

const dir = temporaryFolder();
const all = Object.values(RECIPES);

/** The recipe as a run on the test's images; a tiny CNN or DeiT III stands in for the paper's teacher. */
function configOf({ config, teacher }: Recipe): RunConfig {
  const stand = teacher === null ? null : join(dir, /DeiT III|CaiT/.test(teacher) ? 'vit' : 'cnn');
  const data = { ...config.data, dir: join(dir, 'data') };
  return parseConfig(runSchema, { ...config, data, teacher: stand }, config.method ?? '');
}

const TINY = { width: 24, heads: 3, depth: 4 };
/** What makes a step small. The learning rate, its schedule, the method and the rest stay the recipe's. */
function shrunk(config: RunConfig): RunConfig {
  // CSKD's patches are no coarser than the map of the CNN.
  const patches = config.method === 'cskd' ? { patchSize: 4 } : {};
  const student = { ...config.student, imageSize: 32, settings: { ...config.student.settings, ...TINY, ...patches } };
  const stages = config.method === 'dearkd' ? 2 : 1;
  const train = { ...config.train, batch: 2, accumulate: 1, evalBatch: 12, epochs: stages, evalEvery: 1000 };
  return { ...config, student, train, data: { ...config.data, fraction: 1, images: 2, workers: 1 } };
}

beforeAll(async () => {
  await writeDataset(join(dir, 'data'));
  const common = { data: { dir: join(dir, 'data'), workers: 1 }, train: { epochs: 1, batch: 8 } } as const;
  const cnn = { name: 'resnet8_small', imageSize: 32, settings: { depths: [1, 1, 1], widths: [4, 8, TINY.width] } };
  const vit = { name: 'deit3_small_patch16_224', imageSize: 32, settings: { width: 32, heads: 4, depth: 3 } };
  await trainRun({ ...common, student: cnn }, { out: join(dir, 'cnn') });
  await trainRun({ ...common, student: vit }, { out: join(dir, 'vit') });
});

it('there is a recipe for each experiment of the papers', () => {
  const names = ['tiny', 'small', 'base'].flatMap((size) => [
    ...['', '-distilled', '-distilled-1000'].map((kind) => `deit-${size}${kind}`),
    ...[10, 25, 50, 100].map((percent) => `dearkd-deit-${size}-${percent}`),
    ...['vitkd', 'nkd', 'vitkd+nkd'].map((method) => `${method}-deit-${size}`),
  ]);
  expect(Object.keys(RECIPES).sort()).toEqual(
    [
      ...names,
      'dearkd-deit-tiny-100-1000',
      'deit3-small',
      'vkd-deit-tiny',
      'vkd-deit-small',
      'widelast-deit-tiny',
      'lift-deit-tiny',
      'cskd-deit-tiny',
      'cskd-deit-small',
      'cskd-deit-base',
    ].sort(),
  );
});

describe('the settings are the published ones', () => {
  const settings = (name: string) => configOf(RECIPES[name]!);

  it('DeiT', () => {
    for (const name of ['deit-tiny', 'deit-base-distilled', 'dearkd-deit-small-25']) {
      const { optim, train, student } = settings(name);
      expect([train.batch, train.accumulate]).toEqual([64, 16]);
      expect(optim).toMatchObject({ name: 'adamw', lr: 1e-3, weightDecay: 0.05, warmupEpochs: 5, clipNorm: null });
      expect(optim).toMatchObject({
        minLr: 1e-5,
        warmupLr: 1e-6,
        schedule: 'cosine',
        cosineOver: 'all',
        betas: [0.9, 0.999],
      });
      expect([train.epochs, train.ema, student.settings.dropPath]).toEqual([300, 0.99996, 0.1]);
    }
    expect(settings('deit-small-distilled-1000').train.epochs).toBe(1000);
    expect(settings('deit-small-distilled').student.name).toBe('deit_small_distilled_patch16_224');
    expect(settings('dearkd-deit-tiny-100-1000').train.epochs).toBe(1000);
  });

  it('DeiT III', () => {
    const { optim, train, student, methods } = settings('deit3-small');
    expect(optim).toMatchObject({ name: 'lamb', lr: 4e-3, weightDecay: 0.05, warmupEpochs: 5, minLr: 1e-5 });
    expect(optim).toMatchObject({ epsilon: 1e-8, clipNorm: 1, cosineOver: 'all' });
    expect([train.batch, train.accumulate, train.epochs]).toEqual([64, 32, 800]);
    expect(student.settings).toEqual({ dropPath: 0.05, dropPathForm: 'constant' });
    expect(methods.supervised).toEqual({ loss: 'bce', labelSmoothing: 0 });
  });

  it('augmentation: whole, by preset', () => {
    const resolved = (name: string) => {
      const facts = { images: 1_281_167, classes: 1000, shorterSide: 375 };
      return chooseSettings(settings(name), facts, { width: 192, integerLabels: false }).augment;
    };
    const geometry = {
      crop: 'randomResized',
      scale: [0.08, 1],
      ratio: [3 / 4, 4 / 3],
      flip: 0.5,
      interpolation: 'bicubic',
    };
    const mixed = { ...geometry, mixup: 0.8, cutmix: 1, mixSwitch: 0.5, mixProbability: 1 };
    const rand = {
      ...mixed,
      randAugment: 'rand-m9-mstd0.5-inc1',
      threeAugment: false,
      erase: 0.25,
      evalCropRatio: 0.875,
    };
    for (const name of ['deit-tiny', 'deit-base-distilled-1000', 'dearkd-deit-small-25'])
      expect(resolved(name)).toMatchObject({ ...rand, colourJitter: 0.3, repeats: 3 });
    for (const name of ['vitkd-deit-tiny', 'nkd-deit-base', 'vitkd+nkd-deit-small'])
      expect(resolved(name)).toMatchObject({ ...rand, colourJitter: 0, repeats: 1 });
    const three = { randAugment: null, threeAugment: true, colourJitter: 0.3, erase: 0, repeats: 3, evalCropRatio: 1 };
    expect(resolved('deit3-small')).toMatchObject({ ...mixed, ...three });
  });

  it('DearKD: a share of the data, two stages', () => {
    expect([10, 25, 50, 100].map((p) => settings(`dearkd-deit-base-${p}`).data.fraction)).toEqual([0.1, 0.25, 0.5, 1]);
    expect(settings('dearkd-deit-base-10').methods.dearkd).toMatchObject({
      stageOne: 5 / 6,
      alpha: 0.5,
      logitKd: 'hard',
    });
  });

  it('ViTKD and NKD', () => {
    const { optim, train, methods, student } = settings('vitkd+nkd-deit-tiny');
    expect(optim).toMatchObject({
      lr: 1e-3,
      weightDecay: 0.05,
      warmupEpochs: 20,
      minLr: 1e-5,
      clipNorm: 5,
      cosineOver: 'all',
    });
    expect([train.batch, train.accumulate, train.epochs, train.ema]).toEqual([64, 16, 300, null]);
    expect(methods.vitkd).toMatchObject({ alpha: 3e-5, beta: 3e-6, maskRatio: 0.5, scale: 'reference' });
    expect(methods.nkd).toMatchObject({ gamma: 1, temp: 1 });
    expect(student.settings.dropPath).toBe(0);
    const base = settings('vitkd-deit-base');
    expect([base.student.settings.dropPath, base.train.ema]).toEqual([0.1, 0.99996]);
  });

  it('WideLast and Lift: no mixed images', () => {
    const { optim, train, augment, student, methods } = settings('widelast-deit-tiny');
    expect(optim).toMatchObject({ name: 'adamw', lr: 2e-3, minLr: 1e-5, warmupEpochs: 5, weightDecay: 0.05 });
    expect([train.batch, train.accumulate, train.epochs, student.settings.dropPath]).toEqual([64, 32, 300, 0]);
    expect(augment).toMatchObject({ preset: 'deit', mixup: 0, cutmix: 0 });
    expect(methods.widelast).toMatchObject({ widen: 'lastBlock', loss: 'mse', alpha: 0.9, featureWeight: 0.2 });
    expect(settings('lift-deit-tiny').methods.widelast).toMatchObject({ widen: 'lift', loss: 'spectral' });
  });

  it('VkD: a rate that the batch does not raise, no warm-up', () => {
    const { optim, train, methods, student, augment } = settings('vkd-deit-tiny');
    expect(optim).toMatchObject({ name: 'adamw', lr: 5e-4, minLr: 5e-6, warmupEpochs: 0, weightDecay: 0.05 });
    expect([train.batch, train.accumulate, train.epochs, train.ema]).toEqual([64, 8, 300, null]);
    expect([student.name, student.settings.dropPath]).toEqual(['deit_tiny_distilled_patch16_224', 0]);
    expect(methods.vkd).toMatchObject({ featureWeight: 1, kdWeight: 1, tau: 1, normalise: 'teacherLN' });
    expect(augment).toMatchObject({ preset: 'deit3', repeats: 1 });
  });
});

describe('CSKD', () => {
  it('is DeiT without drop path, at a rate that belongs to its images an update', () => {
    for (const [size, accumulate, lr] of [
      ['tiny', 16, 1e-3],
      ['small', 8, 5e-4],
      ['base', 4, 2.5e-4],
    ] as const) {
      const { optim, train, methods, student, augment } = configOf(RECIPES[`cskd-deit-${size}`]!);
      expect(optim).toMatchObject({ name: 'adamw', lr, minLr: 1e-5, warmupEpochs: 5, weightDecay: 0.05 });
      expect([train.batch, train.accumulate, train.epochs]).toEqual([64, accumulate, 300]);
      expect([student.name, student.settings.dropPath]).toEqual([`deit_${size}_distilled_patch16_224`, 0]);
      expect(methods.cskd).toMatchObject({ kind: 'hard', fuse: 'linear', weight: 1, alpha: 0.5, inference: 'three' });
      expect(augment).toMatchObject({ preset: 'deit' });
    }
  });
});

it('each opens with source, command and published result, and says what is missing', () => {
  for (const { name, source, command, published, notApplied, config } of all) {
    expect(source).toMatch(/arXiv|CVPR/);
    expect(command).toContain(`--config ${name} `);
    expect(published).toMatch(/^\d\d\.\d|^not known to us/);
    expect(Object.hasOwn(VARIANTS, config.student.name)).toBe(true);
    // What is ours in it is told, each with what the authors have.
    expect(notApplied.length).toBeGreaterThan(0);
    for (const text of notApplied) expect(text).toMatch(/\(.+\)$/);
  }
  for (const name of ['deit', 'deit3', 'dearkd', 'vitkd', 'vkd', 'widelast', 'cskd']) {
    const head = readFileSync(`src/config/recipes/${name}.ts`, 'utf8').split('*/')[0]!;
    expect(head).toMatch(
      /^\/\*\*\n \* .*(arXiv|doi)[\s\S]*understudy (?:distill|train) --config [\s\S]*Published[\s\S]*Not applied/,
    );
  }
});

const TERMS: Readonly<Record<string, string[]>> = {
  supervised: ['ce'],
  deit: ['ce', 'kd'],
  dearkd: ['ce', 'hidden', 'kd'],
  vitkd: ['ce', 'deep', 'shallow'],
  nkd: ['ce', 'nonTarget', 'target'],
  vkd: ['ce', 'feature', 'kd'],
  widelast: ['ce', 'feature', 'kd'],
  cskd: ['ce', 'kd', 'patches'],
  'vitkd+nkd': ['ce', 'nkd.nonTarget', 'nkd.target', 'vitkd.deep', 'vitkd.shallow'],
};

interface Made {
  readonly result: RunResult;
  readonly steps: readonly StepEvent[];
}

/**
 * Recipes that differ in nothing but the share of the data, the epochs or the size of the network are the same when shrunk: each is
 * made once, known by what is built.
 */
const made = new Map<string, Promise<Made>>();

function make(config: RunConfig): Promise<Made> {
  const { name, imageSize, settings } = config.student;
  const built = variantConfig(name, { ...settings, imageSize: Number(imageSize), classes: 3 });
  const key = JSON.stringify({ ...config, student: { ...config.student, name: built } });
  const held = made.get(key) ?? run(config, join(dir, 'runs', String(made.size)));
  made.set(key, held);
  return held;
}

async function run(config: RunConfig, out: string): Promise<Made> {
  const steps: StepEvent[] = [];
  const onEvent = (event: RunEvent) => void (event.type === 'step' && steps.push(event));
  return { result: await trainRun(config, { out, onEvent }), steps };
}

it.each(all.map((recipe) => [recipe.name, recipe] as const))('%s: a step is built and run', async (_, recipe) => {
  const config = configOf(recipe);
  const { result, steps } = await make(shrunk(config));
  expect(result).toMatchObject({ reason: 'done', steps: config.method === 'dearkd' ? 2 : 1 });
  const terms = config.methods.supervised?.loss === 'bce' ? ['bce'] : TERMS[config.method];
  expect(Object.keys(steps[0]!.terms).sort()).toEqual(terms);
  for (const [term, value] of Object.entries(steps[0]!.terms)) expect(value, term).toBeGreaterThan(0);
  expect(steps[0]!.gradNorm).toBeGreaterThan(0);
  // DearKD's second stage hears no teacher.
  if (config.method === 'dearkd') expect(Object.keys(steps[1]!.terms)).toEqual(['ce']);
});

describe('on the command line', () => {
  it('--config takes a recipe where there is no such file, and says where it is not the authors’ code', async () => {
    const args = ['train', '--data', 'data', '--epochs', '1', '--batch', '8', '--set', 'train.accumulate=1'];
    const tiny = ['--set', `student.settings=${JSON.stringify(TINY)}`, '--set', 'student.imageSize=32'];
    const found = await understudy(dir, [...args, ...tiny, '--config', 'recipe:deit-tiny', '--out', 'one']);
    expect(found.status, found.stderr).toBe(0);
    expect(found.stderr).toContain('published ImageNet-1k top-1: 72.2');
    expect(found.stderr).toContain("Our choice, not the authors' code: the learning rate moves every update");
    expect(found.stderr).toContain(
      'preset deit: crop randomResized (bicubic), flip 0.5, rand-m9-mstd0.5-inc1, colourJitter 0.3 (idle beside RandAugment), erase 0.25, mixup 0.8, cutmix 1, repeats 3',
    );
    const saved = readFileSync(join(dir, 'one/config.yaml'), 'utf8');
    for (const line of ['ema: 0.99996', 'epochs: 1', 'lr: 0.001', 'name: deit_tiny_patch16_224'])
      expect(saved).toContain(line);
    const near = await understudy(dir, [...args, '--config', 'deit-tyni']);
    expect([near.status, near.stderr]).toEqual([2, expect.stringContaining('Did you mean deit-tiny?')]);
    const wrong = await understudy(dir, [...args, '--config', 'recipe:nothing-like-it']);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('Unknown recipe "nothing-like-it"')]);
  });

  it('list recipes shows them all', async () => {
    const { stdout } = await understudy(dir, ['list', 'recipes']);
    for (const { command } of all) expect(`${stdout}\n`).toContain(` ${command}\n`);
    expect(stdout.split('\n').filter((line) => Object.hasOwn(RECIPES, line))).toHaveLength(all.length);
  });
});
