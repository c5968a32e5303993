import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { firstOfEach } from '../../src/study/imageSets.ts';
import { planStudy } from '../../src/study/plan.ts';
import type { StudyReport } from '../../src/study/tables/rows.ts';
import { temporaryFolder, understudy, writeDataset } from './commandLine.ts';

const dir = temporaryFolder();

const STUDY = {
  name: 'free',
  base: {
    data: { dir: 'data', valDir: 'data' },
    student: { name: 'vit_pico_patch4', settings: { depth: 1, width: 16, heads: 1 } },
    train: { epochs: 1, batch: 3 },
    teacher: '$cnn',
    method: 'kd',
  },
  teachers: {
    cnn: {
      student: { name: 'resnet8_small', settings: { depths: [1, 1, 1], widths: [4, 8, 8] } },
      train: { epochs: 1, batch: 8 },
    },
  },
  images: { di: { teacher: '$cnn', images: 9, settings: { iterations: 3, imagesPerClass: 3 } } },
  axes: {
    images: [
      { label: 'made', set: { 'data.dir': '$di' } },
      { label: 'real', set: { 'data.images': 9, 'data.valDir': null } },
    ],
    'train.seed': [0],
  },
  baseline: 'made',
};

it('a study makes the images of its sets once and trains on them', async () => {
  await writeDataset(join(dir, 'data'));
  writeFileSync(join(dir, 'study.json'), JSON.stringify(STUDY));
  const first = await understudy(dir, ['study', 'study.json', '--out', 'out']);
  expect(first.status, first.stderr).toBe(0);
  expect(first.stderr).toContain('images $di: 9 in ');
  const report = JSON.parse(readFileSync(join(dir, 'out/results.json'), 'utf8')) as StudyReport;
  expect(report.table.map(({ labels }) => labels.images)).toEqual(['made', 'real']);
  const quality = JSON.parse(readFileSync(join(dir, 'out/images/di/quality.json'), 'utf8'));
  expect(report.images).toEqual([{ name: 'di', quality }]);
  const log = readFileSync(join(dir, 'out/runs/made_seed-0/train.log'), 'utf8');
  expect(log).toContain('9 training and 12 validation images');
  writeFileSync(
    join(dir, 'study.json'),
    JSON.stringify({
      ...STUDY,
      images: { di: { ...STUDY.images.di, images: 12 } },
      axes: { ...STUDY.axes, 'train.seed': [0, 1] },
    }),
  );
  const second = await understudy(dir, ['study', 'study.json', '--out', 'out']);
  expect(second.stderr + second.stdout + readFileSync(join(dir, 'out/results.json'), 'utf8')).toContain(
    'wanted the settings that these images were begun with',
  );
});

it('a set of `perSeed` is made for each seed, from it', async () => {
  await writeDataset(join(dir, 'data'));
  const study = {
    ...STUDY,
    images: { di: { ...STUDY.images.di, perSeed: true } },
    axes: { images: STUDY.axes.images.slice(0, 1), 'train.seed': [0, 1] },
  };
  writeFileSync(join(dir, 'seeds.json'), JSON.stringify(study));
  const ran = await understudy(dir, ['study', 'seeds.json', '--out', 'seeds']);
  expect(ran.status, ran.stderr).toBe(0);
  const report = JSON.parse(readFileSync(join(dir, 'seeds/results.json'), 'utf8')) as StudyReport;
  expect(report.images!.map(({ name }) => name)).toEqual(['di-seed0', 'di-seed1']);
  expect(firstOfEach(report.images!).map(({ name }) => name)).toEqual(['di-seed0']);
  for (const seed of [0, 1]) {
    expect(readFileSync(join(dir, `seeds/images/di-seed${seed}/manifest.json`), 'utf8')).toContain(`"seed": ${seed}`);
    const config = readFileSync(join(dir, `seeds/runs/made_seed-${seed}/config.yaml`), 'utf8');
    expect(config).toContain(`images/di-seed${seed}`);
  }
});

it('names that do not exist are refused before anything is run', () => {
  const plan = (change: object) => () => planStudy({ ...STUDY, ...change }, 'study');
  expect(plan({})).not.toThrow();
  expect(plan({ images: {} })).toThrow('Unknown set of images "$di"');
  expect(plan({ images: { di: { teacher: '$cn', images: 9 } } })).toThrow('Unknown teacher "$cn". Did you mean $cnn?');
  expect(plan({ images: { di: { ...STUDY.images.di, settings: { iteration: 3 } } } })).toThrow(
    'images.di.settings: unknown key iteration. Did you mean iterations?',
  );
  expect(plan({ images: { di: { ...STUDY.images.di, perSeed: true, settings: { seed: 3 } } } })).toThrow(
    'images.di: perSeed gives each set the seed of its runs, and settings.seed is given too',
  );
  expect(plan({ images: { di: { ...STUDY.images.di, perSeed: true }, 'di-seed0': STUDY.images.di } })).toThrow(
    'images.di-seed0: a set with perSeed makes one of that name too. Rename it',
  );
});
