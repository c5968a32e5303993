import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { type RunInput, runSchema } from '../../config/schema.ts';
import { chooseSettings, type DataFacts } from './defaults.ts';
import { checkMixing, takesIntegerLabels } from './integerLabels.ts';
import { planStages } from './stages.ts';

const config = (input: Partial<RunInput> = {}) =>
  parseConfig(runSchema, { data: { dir: 'x' }, student: { name: 'vit_pico_patch4' }, ...input }, 'config');
const digits: DataFacts = { images: 1000, classes: 10, shorterSide: 28 };
const choose = (facts: DataFacts, input: Partial<RunInput> = {}, width: number | null = 64) =>
  chooseSettings(config(input), facts, { width: width ?? undefined, integerLabels: takesIntegerLabels(config(input)) });

describe('the table of defaults', () => {
  it('gives a small set what it always gave', () => {
    const { imageSize, train, optim, augment } = choose(digits);
    expect([imageSize, train.batch, train.epochs, train.evalBatch]).toEqual([28, 25, 40, 100]);
    expect([optim.lr, optim.minLr, optim.warmupEpochs, optim.weightDecay]).toEqual([0.0025, 2.5e-5, 4, 0.05]);
    expect(augment).toMatchObject({ preset: 'light', crop: 'pad', padding: 4, flip: 0.5, evalCropRatio: 1 });
    expect(augment).toMatchObject({
      interpolation: 'fast',
      randAugment: null,
      mixup: 0,
      cutmix: 0,
      repeats: 1,
      erase: 0,
    });
  });

  it('gives photos and a CNN what it always gave', () => {
    const photos = { images: 7000, classes: 20, shorterSide: 375 };
    const { imageSize, train, optim, augment } = choose(photos, { student: { name: 'resnet18' } }, null);
    expect([imageSize, train.batch, train.epochs, train.evalBatch]).toEqual([224, 16, 10, 16]);
    expect([optim.lr, optim.warmupEpochs]).toEqual([0.0018, 1]);
    expect(augment).toMatchObject({ preset: 'light', crop: 'randomResized', evalCropRatio: 0.875 });
    const sgd = choose(photos, { student: { name: 'resnet18' }, optim: { name: 'sgd' } }, null).optim;
    expect([sgd.lr, sgd.weightDecay]).toEqual([0.005, 5e-4]);
  });

  it('normalises pixels as the model that the student starts from, unless told how', () => {
    const pixels = { mean: [0.5, 0.5, 0.5], std: [0.229, 0.224, 0.225] } as const;
    const chosen = (input: Partial<RunInput>, own?: typeof pixels) => {
      const { augment, choices } = chooseSettings(config(input), digits, {
        width: 64,
        integerLabels: false,
        pixels: own,
      });
      return [augment.mean, augment.std, choices.filter(({ key }) => /mean|std/.test(key)).map(({ key }) => key)];
    };
    expect(chosen({})).toEqual([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225], []]);
    expect(chosen({}, pixels)).toEqual([pixels.mean, pixels.std, ['augment.mean']]);
    expect(chosen({ augment: { mean: [0, 0, 0], std: [1, 1, 1] } }, pixels)).toEqual([[0, 0, 0], [1, 1, 1], []]);
  });

  it('says of each "auto" of the pixels, the optimiser and the schedule what it became, as a choice or as the usual', () => {
    for (const preset of ['auto', 'deit', 'none'] as const) {
      const given = config({ augment: { preset } });
      const { choices, usual } = choose(digits, { augment: { preset } });
      const said = [...choices, ...usual].map(({ key }) => key);
      expect(new Set(said).size).toBe(said.length);
      const left = Object.entries({ augment: given.augment, optim: given.optim, train: given.train }).flatMap(
        ([section, values]) =>
          Object.entries(values).flatMap(([key, value]) =>
            value === 'auto' && key !== 'threads' ? [`${section}.${key}`] : [],
          ),
      );
      expect([...said].sort()).toEqual([...left, 'student.imageSize'].sort());
    }
    const { usual } = choose(digits, { augment: { preset: 'deit' } });
    expect(usual).toContainEqual({ key: 'augment.repeats', value: '3', reason: 'the preset deit' });
  });

  it('gives DearKD with Muon twice the rate', () => {
    const rate = (method: string, name: 'auto' | 'adamw' = 'auto') =>
      choose(digits, { method, teacher: 'x', optim: { name } }).optim.lr;
    expect([rate('dearkd'), rate('dearkd+nkd'), rate('kd'), rate('dearkd', 'adamw')]).toEqual([
      0.005, 0.005, 0.0025, 0.0025,
    ]);
    expect(choose({ ...digits, images: 6000 }, { method: 'dearkd', teacher: 'x' }).optim.lr).toBe(0.007);
  });

  it('looks at images and classes', () => {
    expect(choose({ ...digits, images: 6000, classes: 200 }).train.epochs).toBe(30);
    expect(choose({ ...digits, images: 6000, classes: 100 }).train.epochs).toBe(10);
    const large = { images: 200_000, classes: 500, shorterSide: 300 };
    const deit = { student: { name: 'deit_tiny_patch16_224' } };
    expect(choose(large, deit, 192)).toMatchObject({ train: { epochs: 300 }, augment: { preset: 'deit', repeats: 3 } });
    expect(choose(large, { student: { name: 'resnet18' } }, null).augment.preset).toBe('light');
    expect(choose(large, { ...deit, method: 'dkd' }, 192).augment.preset).toBe('light');
  });

  it('Muon trains small Vision Transformers that start from nothing', () => {
    const nameFor = (given: Partial<RunInput>, started = false) =>
      chooseSettings(config(given), digits, { width: 64, integerLabels: false, started }).optim.name;
    expect(nameFor({})).toBe('muon');
    expect(nameFor({}, true)).toBe('adamw');
    expect(nameFor({ student: { name: 'deit_tiny_patch16_224' } })).toBe('adamw');
    expect(nameFor({ optim: { name: 'lamb' } })).toBe('lamb');
  });

  it('says each choice with its reason, and none for what was given', () => {
    const { choices } = choose(digits, { train: { batch: 10 } });
    const reasons = Object.fromEntries(choices.map(({ key, reason }) => [key, reason]));
    expect(reasons['train.epochs']).toBe('1000 training images');
    expect(reasons['optim.lr']).toBe('muon on a ViT of width 64, batch 10');
    expect(reasons['augment.preset']).toMatch(/^1000 training images/);
    expect(Object.keys(reasons)).not.toContain('train.batch');
  });
});

describe('presets', () => {
  it('give way to what is given', () => {
    const { augment } = choose(digits, { augment: { preset: 'deit', mixup: 0, crop: 'pad', padding: 2 } });
    expect(augment).toMatchObject({ crop: 'pad', padding: 2, mixup: 0, cutmix: 1, repeats: 3, erase: 0.25 });
    expect(choose(digits, { augment: { preset: 'none' } }).augment).toMatchObject({ crop: 'none', flip: 0, mixup: 0 });
  });
});

describe('a method whose target is one class', () => {
  const check = (input: Partial<RunInput>) => () =>
    checkMixing(planStages(config(input), 10, 1), choose(digits, input));
  it('is refused mixed batches, also within a sum', () => {
    expect(check({ method: 'dkd', augment: { preset: 'vitkd' } })).toThrow(
      /method dkd: .*augment.mixup 0.8 and augment.cutmix 1 \(preset vitkd\).*augment.mixup=0 and augment.cutmix=0/,
    );
    expect(check({ method: 'vitkd+dkd', augment: { cutmix: 1 } })).toThrow('method vitkd+dkd');
    expect(check({ method: 'nkd', augment: { preset: 'vitkd' } })).not.toThrow();
    expect(check({ method: 'dkd', augment: { preset: 'vitkd', mixup: 0, cutmix: 0 } })).not.toThrow();
    expect(check({ method: 'dkd', augment: { preset: 'vitkd', mixProbability: 0 } })).not.toThrow();
  });
});
