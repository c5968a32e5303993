import { expect, it } from 'vitest';
import { type Costed, planSearch } from './schedule.ts';

/** Costs in processor seconds as measured on 600 images; 70 epochs are a run of full length. */
const costed = (name: string, epoch: number, rest: number): Costed => ({
  arm: {
    name,
    slug: name,
    settings: {},
    layers: null,
    size: { parameters: 1, macs: 1 },
    fullEpochs: 70,
    leastEpochs: 2,
  },
  cost: { epoch, rest, wall: 0.85 },
});
const ALONE = costed('alone', 0.24, 2);
const METHODS = Array.from({ length: 8 }, (_, i) => costed(`method${i}`, 0.3 + 0.01 * i, 3.5));

const planOf = (methods: readonly Costed[], seconds: number) => {
  const plan = planSearch(ALONE, methods, seconds, 'choosing');
  if ('needed' in plan) throw new Error(`wanted a plan, got that ${plan.needed} s are needed`);
  return plan;
};

it('seeds are for runs of half the full length: few of many methods in short time, more of few and in long time', () => {
  const full = 70 * 0.3;
  const [short, few, long] = [planOf(METHODS, 570), planOf(METHODS.slice(0, 3), 340), planOf(METHODS, 7200)];
  expect(short.scale.searchSeeds).toBe(1);
  expect(few.scale.searchSeeds).toBe(2);
  expect(few.budgets[0]).toBeGreaterThanOrEqual(full / 2);
  expect(few.scale.finalSeeds).toBeLessThan(5);
  expect(long.scale).toEqual({ searchSeeds: 2, finalSeeds: 5, curveSeeds: 2 });
});

it('each round is three times as long as the one before it, and the last no longer than what the final is left', () => {
  const { budgets, scale } = planOf(METHODS, 570);
  expect(budgets).toHaveLength(2);
  expect(budgets[1]! / budgets[0]!).toBeCloseTo(3);
  const wall = (budget: number) => (runs: readonly Costed[]) =>
    runs.reduce((sum, { cost }) => sum + (cost.rest + budget) * cost.wall, 0);
  const search = wall(budgets[0]!)([ALONE, ...METHODS]) + wall(budgets[1]!)([ALONE, ...METHODS.slice(-2)]);
  expect(search).toBeLessThanOrEqual(0.4 * 570);
  const final = scale.finalSeeds * wall(budgets[1]!)(METHODS.slice(-4));
  expect(search + final).toBeLessThanOrEqual(0.92 * 570);
});
