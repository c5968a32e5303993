import { expect, it } from 'vitest';
import type { Arm } from './arms.ts';
import type { Finalist } from './finals.ts';
import { nextCommand } from './nextCommand.ts';
import type { Rival } from './verdict.ts';

const finalist = (name: string, score: number, settings: Arm['settings'] = {}): Finalist => ({
  costed: {
    arm: {
      ...{ name, slug: name, settings, layers: null, size: { parameters: 1, macs: 1 } },
      ...{ fullEpochs: 40, leastEpochs: 2 },
    },
    cost: { epoch: 0.5, rest: 1, wall: 1 },
  },
  epochs: 10,
  made: [{ state: 'done', score, seconds: 1, cpuSeconds: 1, epochCpu: 1 }],
  scores: [],
  key: '',
});

const options = {
  data: 'my photos',
  teacher: 'runs/t',
  student: 'vit_pico_patch4',
  budget: '20m',
  out: 'runs/advice',
  settings: { augment: { flip: 0 }, train: { epochs: 40 }, student: { settings: { depth: 2 } } },
};
const method = finalist('dearkd', 0.9, { method: 'dearkd', methods: { dearkd: { logitKd: 'none' } } });
const layers = { student: { settings: { mhca: { layers: 2 } } } };
const twin = finalist('alone, as in dearkd', 0.8, { method: 'supervised', teacher: null, ...layers });
const found = { chosen: method, finalists: [method, finalist('alone', 0.7), twin], fullBudget: 30 };
const rival = (components: Rival['gain']['components']): Rival => ({
  name: 'alone',
  gain: { gain: 0, interval: [-0.1, 0.1], error: { se: 0.05, df: 8 }, components, seeds: [5, 5], images: 1000 },
  decides: true,
});
const next = (kind: string, rivals: readonly Rival[] = []) =>
  nextCommand(options, found, {
    ...{ kind, rivals, method: 'dearkd', least: 0.01, full: { known: 'reached' } as const, budget: 30, fullBudget: 30 },
    untold: ['vkd', 'kd'],
    chosenBy: { images: 120, of: 'training' } as const,
  });

it('worth it: the run of full length', () => {
  expect(next('worth')).toBe(
    "understudy distill --data 'my photos' --teacher runs/t --student vit_pico_patch4 --method dearkd --set dearkd.logitKd=none --set augment.flip=0 --set train.epochs=40 --set student.settings.depth=2",
  );
});

it('not known of methods that were dropped by chance: these alone, in as much time', () => {
  const low = { gain: -0.1, interval: [-0.2, 0], error: null, components: null, seeds: [2, 2], images: 100 } as const;
  expect(next('unclear', [{ name: 'alone', decides: true, gain: low }])).toMatch(
    /^understudy advise .* --budget 20m --methods vkd,kd --out runs\/advice-longer /,
  );
});

it('not worth it: the better way to train alone, for as long', () => {
  expect(next('notWorth')).toBe(
    "understudy train --data 'my photos' --model vit_pico_patch4 --epochs 60 --set student.settings.mhca.layers=2 --set augment.flip=0 --set student.settings.depth=2",
  );
});

it('unclear: a longer advice where more seeds would do, else training alone', () => {
  const enough = { seeds: [2e-4, 2e-4], images: 0.001, rest: [0, 0] } as const;
  expect(next('unclear', [rival(enough)])).toMatch(
    /^understudy advise --data 'my photos' --teacher runs\/t --student vit_pico_patch4 --budget \d+m --methods kd,dearkd --out runs\/advice-longer --set/,
  );
  expect(next('unclear', [rival({ ...enough, images: 1 })])).toMatch(/^understudy train /);
});
