import { largest, smallest } from '../graph/lists.ts';
import type { Arm } from './arms.ts';
import { type Choosing, type Cost, type Images, trainedShare } from './trials.ts';

/** An arm with what it costs. */
export interface Costed {
  readonly arm: Arm;
  readonly cost: Cost;
}

/** How much of everything. */
export interface Scale {
  readonly searchSeeds: number;
  readonly finalSeeds: number;
  /** Shorter runs of the finalists too, from which a full length is told; so many seeds each. */
  readonly curveSeeds: number;
}

/**
 * Our choice: the first of these whose final runs have at least half of their full length; where none has, the first whose runs spend
 * at least half of the time training rather than being built and evaluated. A second seed of the search is for runs that are long
 * enough from the first round on, or that full length keeps from being longer: in short ones methods differ by less, and seeds by more.
 */
const SCALES: readonly Scale[] = [
  { finalSeeds: 5, curveSeeds: 2 },
  { finalSeeds: 4, curveSeeds: 0 },
  { finalSeeds: 3, curveSeeds: 0 },
].flatMap((scale) => [2, 1].map((searchSeeds) => ({ searchSeeds, ...scale })));

/** Our choice, as in Hyperband (arXiv 1603.06560): a third stays, with three times the budget. */
export const HALVING = 3;

/** Our choice: so much of the time chooses at most, the rest judges; and no run that chooses is longer than one that judges, or than full length. */
const SEARCH_SHARE = 0.4;

/** Our choice: the least length of a final run, as a multiple of the least run that means anything. */
const LEAST_FINAL = 3;

/** Of the time, what is planned; the rest is for what a busy machine takes longer. Our choice. */
const PLANNED = 0.9;

/** How many methods each round of the search begins with; none where there is nothing to choose. */
export function roundSizes(methods: number): number[] {
  const sizes: number[] = [];
  for (let left = methods; left > 1; left = Math.max(1, Math.floor(left / HALVING))) sizes.push(left);
  return sizes;
}

/** The same on those of the training images that train. */
export const costedOn = (images: Images, { arm, cost }: Costed): Costed => ({
  arm,
  cost: { ...cost, epoch: cost.epoch * trainedShare(images) },
});

/** Epochs that take a processor time, the last one a part of one; at least those that mean anything. */
export const epochsFor = ({ arm, cost }: Costed, budget: number): number =>
  Math.max(arm.leastEpochs, Number((budget / cost.epoch).toFixed(2)));

/** Wall seconds of a run. */
export const wallOf = (costed: Costed, budget: number): number =>
  (costed.cost.rest + epochsFor(costed, budget) * costed.cost.epoch) * costed.cost.wall;

/** The processor time in which every arm has its least epochs. */
export const leastBudget = (arms: readonly Costed[]): number =>
  largest(arms.map(({ arm, cost }) => arm.leastEpochs * cost.epoch));

export interface SearchPlan {
  readonly scale: Scale;
  /** What judges the search; of advices of before there is only one way. */
  readonly images?: Choosing;
  /** Processor seconds of a run in each round. */
  readonly budgets: readonly number[];
}

/**
 * The search's rounds, and how many seeds there will be.
 * @returns the seconds that would do where there are too few
 */
export function planSearch(
  alone: Costed,
  methods: readonly Costed[],
  seconds: number,
  images: Choosing,
): SearchPlan | { readonly needed: number } {
  const time = seconds * PLANNED;
  const costs = { alone: costedOn(images, alone), methods: methods.map((one) => costedOn(images, one)) };
  const [least, arms] = [leastBudget([alone, ...methods]), [alone, ...methods]];
  const rounds = roundSizes(methods.length);
  const full = smallest(methods.map(({ arm, cost }) => arm.fullEpochs * cost.epoch));
  const lean = SCALES.at(-1)!;
  const plans = SCALES.flatMap((scale) => {
    const search = (budget: number) => searchWall(costs, budget, scale);
    const final = (budget: number) => finalWall(worst(arms), budget, scale);
    return planned({ search, final, least, full, time, last: HALVING ** (rounds.length - 1) }).flatMap((plan) => {
      const longEnough = (budget: number) => budget >= full / 2;
      if (scale.searchSeeds > 1 && !longEnough(plan.first) && !plan.whole) return [];
      return [{ ...plan, scale, near: longEnough(plan.judges) }];
    });
  });
  const taken = plans.find(({ near, trains }) => near && trains) ?? plans.find(({ trains }) => trains) ?? plans.at(-1);
  if (taken) return { scale: taken.scale, images, budgets: rounds.map((_, i) => taken.first * HALVING ** i) };
  const needed = searchWall(costs, least, lean) + finalWall(worst(arms), LEAST_FINAL * least, lean);
  return { needed: needed / PLANNED };
}

interface Walls {
  /** Wall seconds of the search by the budget of its first round, and of the final. */
  readonly search: (budget: number) => number;
  readonly final: (budget: number) => number;
  readonly least: number;
  /** Processor seconds of the shortest run of full length, which the final does not exceed either. */
  readonly full: number;
  readonly time: number;
  /** How much longer the last round's runs are than the first's. */
  readonly last: number;
}

/** Budgets of the first round and of the final, whether training takes half of the time, and whether the search comes to full length; none where it is too short. */
function planned({ search, final, least, full, time, last }: Walls) {
  const shortest = LEAST_FINAL * least;
  if (search(least) + final(shortest) > time) return [];
  const share = Math.min(time - final(shortest), Math.max(SEARCH_SHARE * time, search(least)));
  const fits = (first: number) => {
    const longest = Math.max(shortest, first * last);
    return longest <= Math.max(shortest, full) && search(first) <= share && search(first) + final(longest) <= time;
  };
  const first = most(least, fits);
  const judges = most(shortest, (budget) => search(first) + final(budget) <= time);
  const trains = search(first) - search(0) + final(judges) - final(0) >= time / 2;
  return [{ first, judges, trains, whole: first * last > 0.99 * full }];
}

function searchWall(
  { alone, methods }: { readonly alone: Costed; readonly methods: readonly Costed[] },
  budget: number,
  { searchSeeds }: Scale,
): number {
  return roundSizes(methods.length).reduce((sum, size, i) => {
    const walls = methods.map((one) => zeroable(one, budget * HALVING ** i)).sort((a, b) => b - a);
    // Which methods are left is not known yet: those that take longest.
    const round = walls.slice(0, size).reduce((a, b) => a + b, zeroable(alone, budget * HALVING ** i));
    return sum + searchSeeds * round;
  }, 0);
}

/** Without training for a budget of 0. */
const zeroable = (costed: Costed, budget: number): number =>
  budget === 0 ? costed.cost.rest * costed.cost.wall : wallOf(costed, budget);

/** Four arms at most come to the end. */
const worst = (arms: readonly Costed[]): Costed[] =>
  [...arms].sort((a, b) => zeroable(b, 0) - zeroable(a, 0)).slice(0, 4);

/** The shorter lengths of the finalists' curves, as parts of the full one. */
export const CURVE = [1 / 9, 1 / 3] as const;

function finalWall(arms: readonly Costed[], budget: number, { finalSeeds, curveSeeds }: Scale): number {
  const round = (part: number) => arms.reduce((sum, one) => sum + zeroable(one, budget * part), 0);
  return finalSeeds * round(1) + curveSeeds * CURVE.reduce((sum, part) => sum + round(part), 0);
}

/** The largest budget that fits; `low` where not even that does. */
function most(low: number, fits: (budget: number) => boolean): number {
  let [under, over] = [low, low];
  while (fits(over) && over < 1e9) [under, over] = [over, over * 2];
  for (let i = 0; i < 40; i++) {
    const middle = (under + over) / 2;
    if (fits(middle)) under = middle;
    else over = middle;
  }
  return under;
}

export interface FinalPlan {
  readonly scale: Scale;
  /** Processor seconds of the longest runs: as many as there is time for, at most those of a run of full length. */
  readonly budget: number;
}

/** The final as it was meant, or, where the search took longer than it was to, a smaller one. */
export function planFinal(arms: readonly Costed[], full: number, seconds: number, meant: Scale): FinalPlan {
  const [least, time] = [LEAST_FINAL * leastBudget(arms), seconds * PLANNED];
  const fits = (one: Scale) => one.finalSeeds <= meant.finalSeeds && finalWall(arms, least, one) <= time;
  const scale = SCALES.find(fits) ?? SCALES.at(-1)!;
  const there = most(least, (budget) => finalWall(arms, budget, scale) <= time);
  return { scale, budget: Math.min(Math.max(full, least), there) };
}

/** Lengths at which every finalist has at least its least epochs; the longest is no part of them. */
export const curveBudgets = (arms: readonly Costed[], budget: number): number[] =>
  CURVE.map((part) => part * budget).filter((short) => short >= leastBudget(arms));
