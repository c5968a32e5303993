import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { planStages } from '../../src/run/stagePlan.ts';
import { type PlannedRun, planStudy, type StudyPlan, withTeachers } from '../../src/study/plan.ts';

const planOf = (name: string): StudyPlan => planStudy(parse(readFileSync(join('studies', name), 'utf8')), name);
const runNamed = ({ runs }: StudyPlan, id: string): PlannedRun => runs.find(({ key }) => key === `runs/${id}`)!;

it('every committed study can be planned, with a baseline, three seeds or more, and stages that fit its epochs', () => {
  const names = readdirSync('studies').filter((name) => name.endsWith('.yaml'));
  expect(names).toEqual(expect.arrayContaining(['mnistDearkdParts.yaml', 'mnistMethods.yaml']));
  for (const name of names) {
    const plan = planOf(name);
    expect(plan.baseline, name).not.toBeNull();
    expect(plan.axes.find(({ seed }) => seed)?.labels.length, name).toBeGreaterThanOrEqual(3);
    for (const { config } of plan.runs)
      expect(planStages(config, config.train.epochs as number, 10).at(-1)!.to).toBe(
        10 * (config.train.epochs as number),
      );
  }
});

it('the methods are compared at the same budget', () => {
  const plan = planOf('mnistMethods.yaml');
  expect(plan.runs).toHaveLength(36);
  for (const { config } of plan.runs) {
    const images = Math.floor((7000 * config.data.fraction) / 25) * 25 * (config.train.epochs as number);
    expect(images / 22_400).toBeCloseTo(1, 1);
  }
  expect(plan.axes.map(({ fractions }) => fractions)).toEqual([null, [0.05, 0.1, 0.25], null]);
  const { config } = runNamed(plan, 'dearkd_10_seed-2');
  expect([config.method, config.teacher?.ref, config.data.fraction, config.train.seed]).toEqual([
    'dearkd',
    '$cnn',
    0.1,
    2,
  ]);
  expect(withTeachers(config, (name) => `folder/${name}`).teacher).toBe('folder/cnn');
  expect(runNamed(plan, 'alone_5_seed-0').config.teacher).toBeNull();
});

it('of DearKD one part at a time is left out', () => {
  const plan = planOf('mnistDearkdParts.yaml');
  expect(plan.runs).toHaveLength(18);
  const settings = (part: string) => runNamed(plan, `${part}_seed-0`).config;
  expect(settings('no-MHCA').methods.dearkd).toEqual({ mhca: null });
  expect(settings('no-hidden-loss').methods.dearkd).toEqual({ beta: 0 });
  expect(settings('no-logits').methods.dearkd).toEqual({ logitKd: 'none' });
  expect(planStages(settings('one-stage'), 24, 1)).toHaveLength(1);
  expect(planStages(settings('full'), 24, 1).map(({ to }) => to)).toEqual([20, 24]);
  expect(settings('alone')).toMatchObject({ method: 'supervised', teacher: null });
});
