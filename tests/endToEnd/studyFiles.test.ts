import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { vitkd } from '../../src/methods/vitkd.ts';
import { planStages } from '../../src/run/plan/stages.ts';
import { type PlannedRun, planStudy, type StudyPlan, withTeachers } from '../../src/study/plan.ts';

const planOf = (name: string): StudyPlan => planStudy(parse(readFileSync(join('studies', name), 'utf8')), name);
const runNamed = ({ runs }: StudyPlan, id: string): PlannedRun => runs.find(({ key }) => key === `runs/${id}`)!;

it('every committed study can be planned, with a baseline, three seeds or more where it judges, and stages that fit its epochs', () => {
  const names = readdirSync('studies').filter((name) => name.endsWith('.yaml'));
  expect(names).toEqual(expect.arrayContaining(['mnistDearkdParts.yaml', 'mnistMethods.yaml']));
  for (const name of names) {
    const plan = planOf(name);
    expect(plan.baseline, name).not.toBeNull();
    // What only chooses settings, on an inner split, may look at one seed.
    const chooses = plan.runs.every(({ config }) => config.data.innerFraction !== null);
    const seeds = plan.axes.find(({ seed }) => seed)?.labels.length;
    expect(seeds, name).toBeGreaterThanOrEqual(chooses ? 1 : 3);
    for (const { config } of plan.runs)
      expect(planStages(config, config.train.epochs as number, 10).at(-1)!.to).toBe(
        10 * (config.train.epochs as number),
      );
  }
});

it.each([
  ['mnistMethods', 7000, 21_000],
  ['emojiMethods', 3046, 12_000],
  ['mnistVitMethods', 7000, 14_000],
  ['emojiVitMethods', 3046, 12_000],
])('%s compares the methods at the same budget', (name, images, budget) => {
  const plan = planOf(`${name}.yaml`);
  for (const { config } of plan.runs) {
    const seen = Math.floor((images * config.data.fraction) / 25) * 25 * (config.train.epochs as number);
    expect(seen / budget, config.data.fraction.toString()).toBeCloseTo(1, 1);
  }
});

it('the methods are those that are asked for, at five shares of the data', () => {
  for (const plan of ['mnistMethods.yaml', 'emojiMethods.yaml'].map(planOf)) {
    expect(plan.runs).toHaveLength(4 * 5 * plan.axes[2]!.labels.length);
    expect(plan.axes.map(({ fractions }) => fractions)).toEqual([null, [0.05, 0.1, 0.25, 0.5, 1], null]);
    const { config } = runNamed(plan, 'dearkd_10_seed-2');
    expect([config.method, config.teacher?.ref, config.data.fraction, config.train.seed]).toEqual([
      'dearkd',
      '$cnn',
      0.1,
      2,
    ]);
    expect(withTeachers(config, (name) => `folder/${name}`).teacher?.ref).toBe('folder/cnn');
    expect(runNamed(plan, 'alone_5_seed-0').config.teacher).toBeNull();
    // Both stages, also of the shortest runs.
    const short = runNamed(plan, 'dearkd_100_seed-0').config;
    expect(planStages(short, short.train.epochs as number, 1)).toHaveLength(2);
  }
});

it.each(['mnist', 'emoji'])('of DearKD one part at a time is left out: %s', (set) => {
  const plan = planOf(`${set}DearkdParts.yaml`);
  expect(plan.runs).toHaveLength(18);
  const settings = (part: string) => runNamed(plan, `${part}_seed-0`).config;
  expect(settings('no-MHCA').methods.dearkd).toEqual({ mhca: null });
  expect(settings('no-hidden-loss').methods.dearkd).toEqual({ beta: 0 });
  expect(settings('no-logits').methods.dearkd).toEqual({ logitKd: 'none' });
  expect(planStages(settings('one-stage'), 24, 1)).toHaveLength(1);
  expect(planStages(settings('full'), 24, 1).map(({ to }) => to)).toEqual([20, 24]);
  expect(settings('alone')).toMatchObject({ method: 'supervised', teacher: null });
});

it.each(['mnist', 'emoji'])("of ViTKD's guidelines one is changed at a time: %s", (set) => {
  const plan = planOf(`${set}VitkdGuidelines.yaml`);
  expect(plan.runs).toHaveLength(30);
  const parsed = (part: string) => vitkd.config.parse(runNamed(plan, `${part}_seed-0`).config.methods.vitkd ?? {});
  const full = vitkd.config.parse({ beta: 1e-4, relationWeight: 0.002 });
  expect(parsed('full')).toEqual(full);
  expect(parsed('shallow-off')).toEqual({ ...full, shallow: { how: 'none' } });
  expect(parsed('deep-off')).toEqual({ ...full, deep: { how: 'none' } });
  expect(parsed('deep-mimics')).toEqual({ ...full, deep: { how: 'mimic' } });
  expect(parsed('shallow-generates')).toEqual({ ...full, shallow: { how: 'generate' } });
  expect(parsed('tap-ffn')).toEqual({ ...full, tap: 'ffn' });
  expect(parsed('tap-mha')).toEqual({ ...full, tap: 'mha' });
  expect(parsed('no-mask')).toEqual({ ...full, maskRatio: 0 });
  expect(parsed('relation-on')).toEqual({ ...full, relation: true });
});
