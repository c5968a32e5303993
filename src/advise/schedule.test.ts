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
const methodsOf = (count: number): Costed[] =>
  Array.from({ length: count }, (_, i) => costed(`method${i}`, 0.3 + 0.01 * (i % 8), 3.5));
const METHODS = methodsOf(8);
const FULL = 70 * 0.3;

const wall = (budget: number, runs: readonly Costed[]): number =>
  runs.reduce((sum, { cost }) => sum + (cost.rest + budget) * cost.wall, 0);

const planOf = (methods: readonly Costed[], seconds: number) => {
  const plan = planSearch(ALONE, methods, seconds, 'choosing');
  if ('needed' in plan) throw new Error(`wanted a plan, got that ${plan.needed} s are needed`);
  return plan;
};

it('seeds are for runs of half the full length: few of many methods in short time, more of few and in long time', () => {
  const [short, few, long] = [planOf(METHODS, 570), planOf(METHODS.slice(0, 3), 340), planOf(METHODS, 7200)];
  expect(short.scale.searchSeeds).toBe(1);
  expect(few.scale.searchSeeds).toBe(2);
  expect(few.budgets[0]).toBeGreaterThanOrEqual(FULL / 2);
  expect(few.scale.finalSeeds).toBeLessThan(5);
  expect(long.scale).toEqual({ searchSeeds: 2, finalSeeds: 5, curveSeeds: 2 });
});

it('each round is three times as long as the one before it, and the last no longer than what the final is left', () => {
  const { budgets, scale } = planOf(METHODS, 570);
  expect(budgets).toHaveLength(2);
  expect(budgets[1]! / budgets[0]!).toBeCloseTo(3);
  const search = wall(budgets[0]!, [ALONE, ...METHODS]) + wall(budgets[1]!, [ALONE, ...METHODS.slice(-2)]);
  expect(search).toBeLessThanOrEqual(0.4 * 0.9 * 570);
  const final = scale.finalSeeds * wall(budgets[1]!, METHODS.slice(-4));
  expect(search + final).toBeLessThanOrEqual(0.92 * 570);
});

it('of many methods the search has no more than two fifths of the time', () => {
  const many = methodsOf(16);
  const { budgets, scale } = planOf(many, 340);
  // The costliest five may be those that are left.
  const left = [...many].sort((a, b) => b.cost.epoch - a.cost.epoch).slice(0, 5);
  const share = (scale.searchSeeds * (wall(budgets[0]!, [ALONE, ...many]) + wall(budgets[1]!, [ALONE, ...left]))) / 340;
  expect(share).toBeLessThan(0.41 * 0.9);
  expect(share).toBeGreaterThan(0.38 * 0.9);
});

it('no run of the search is longer than full length, however long there is', () => {
  for (const count of [3, 8]) expect(planOf(methodsOf(count), 7200).budgets.at(-1)).toBeCloseTo(FULL, 3);
});
