import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { warmupCosine, warmupStep } from '../../src/optim/schedule.ts';
import { type Golden, readGolden } from './golden.ts';

it("warmupStep is torch's StepLR after its warm-up", () => {
  const golden = readGolden('optim/stepSchedule');
  const { lr, every, gamma } = golden.config as { lr: number; every: number; gamma: number };
  const wanted = Array.from(golden.get('output.lr').data);
  const schedule = warmupStep({ lr, every, gamma, warmupLr: 0, warmupSteps: 0 });
  wanted.forEach((value, step) => void expect(schedule(step) / value, `step ${step}`).toBeCloseTo(1, 12));
  const warm = warmupStep({ lr, every, gamma, warmupLr: 0.1, warmupSteps: 4 });
  expect([0, 1, 2, 3].map(warm)).toEqual([0.1, 0.125, 0.15, 0.175].map((x) => expect.closeTo(x, 12)));
  expect(warm(8)).toBe(schedule(8));
});

it('warmupCosine equals the reference schedule', () => {
  const text = readFileSync(new URL('../golden/optim/cosine.json', import.meta.url), 'utf8');
  const wanted = JSON.parse(text) as {
    baseLr: number;
    minLr: number;
    warmupStartLr: number;
    warmupSteps: number;
    totalSteps: number;
    lr: number[];
  };
  const { baseLr: lr, minLr, warmupStartLr: warmupLr, warmupSteps, totalSteps } = wanted;
  const schedule = warmupCosine({ lr, minLr, warmupLr, warmupSteps, totalSteps });
  expect(wanted.lr).toHaveLength(totalSteps);
  wanted.lr.forEach((value, step) => void expect(schedule(step) / value, `step ${step}`).toBeCloseTo(1, 12));
  expect(schedule(totalSteps + 5)).toBeCloseTo(minLr, 15);
});

describe('a cosine over all epochs, at the start of each', () => {
  const ours = (golden: Golden, over: 'rest' | 'all') => {
    const { base: lr, low: minLr, first: warmupLr, warm, total } = golden.config as Record<string, number>;
    const perEpoch = 7;
    const [warmupSteps, totalSteps] = [warm! * perEpoch, total! * perEpoch];
    const schedule = warmupCosine({ lr: lr!, minLr: minLr!, warmupLr: warmupLr!, warmupSteps, totalSteps, over });
    return Array.from({ length: total! }, (_, epoch) => schedule(epoch * perEpoch));
  };
  const distance = (golden: Golden, over: 'rest' | 'all', from = 0) => {
    const wanted = Array.from(golden.get('output.lr').data);
    return Math.max(...ours(golden, over).map((lr, i) => (i < from ? 0 : Math.abs(lr / wanted[i]! - 1))));
  };

  it("is timm's, as DeiT calls it; over the rest it is up to 3 % away", () => {
    const golden = readGolden('optim/cosineTimm');
    expect(distance(golden, 'all')).toBeLessThan(1e-12);
    expect(distance(golden, 'rest')).toBeGreaterThan(0.029);
  });

  it("is mmcv's after its warm-up, and within 1.1 % in it; over the rest it is up to 13 % away", () => {
    const golden = readGolden('optim/cosineMmcv');
    expect(distance(golden, 'all', 20)).toBeLessThan(1e-12);
    expect(distance(golden, 'all')).toBeLessThan(0.011);
    expect(distance(golden, 'rest')).toBeGreaterThan(0.12);
  });
});
