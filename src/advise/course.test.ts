import { describe, expect, it } from 'vitest';
import { UserError } from '../graph/errors.ts';
import { stream } from '../random/stream.ts';
import type { Arm } from './arms.ts';
import { adviceOf } from './conclude.ts';
import { type Found, runCourse } from './course.ts';
import type { CourseEvent } from './courseRuns.ts';
import type { SavedState } from './state.ts';
import { SyntheticImages, trueShare, type World } from './statistics/synthetic.ts';
import {
  type Choosing,
  type Cost,
  choosingImages,
  type Images,
  type Made,
  type Trial,
  type Trials,
  trainedShare,
} from './trials.ts';

const arm = (name: string, layers: Arm['layers'] = null): Arm => ({
  name,
  slug: name.replaceAll(/[^a-z0-9]+/g, '-'),
  settings: {},
  layers,
  size: { parameters: 1, macs: 1 },
  fullEpochs: 40,
  leastEpochs: 2,
});

/** Runs that are drawn: skill is by arm and epochs, answers by images that the search and the judgement do not share. */
class SyntheticTrials implements Trials {
  readonly made: Trial[] = [];
  seconds = 0;
  stopAfter = Number.POSITIVE_INFINITY;
  readonly #skill: (arm: string, epochs: number) => number;
  readonly #sets: Readonly<Record<Images, SyntheticImages>>;
  readonly #cost: (arm: string) => Cost;
  readonly #done = new Map<string, { made: Made; scores: Float64Array }>();

  constructor(
    key: number,
    world: World,
    skill: (arm: string, epochs: number) => number,
    cost: (arm: string) => Cost = () => ({ epoch: 1, rest: 0.1, wall: 1 }),
  ) {
    this.#skill = skill;
    this.#cost = cost;
    this.#sets = {
      inner: new SyntheticImages(world, 'inner', key),
      choosing: new SyntheticImages(world, 'choosing', key),
      whole: new SyntheticImages(world, 'whole', key),
    };
  }

  async cost({ name }: Arm): Promise<Cost> {
    return this.#cost(name);
  }

  async make(trial: Trial): Promise<Made> {
    const held = this.#done.get(trial.key);
    if (held) return held.made;
    if (this.made.length >= this.stopAfter) return { state: 'interrupted' };
    this.made.push(trial);
    const { epoch, rest, wall } = this.#cost(trial.arm.name);
    const own = epoch * trainedShare(trial.images);
    const cpuSeconds = rest + own * trial.epochs;
    this.seconds += cpuSeconds * wall;
    const scores = this.#sets[trial.images].run(trial.arm.name, this.#skill(trial.arm.name, trial.epochs));
    const score = scores.reduce((a, b) => a + b, 0) / scores.length;
    const made: Made = { state: 'done', score, seconds: cpuSeconds * wall, cpuSeconds, epochCpu: own };
    this.#done.set(trial.key, { made, scores });
    return made;
  }

  async scores({ key }: Trial): Promise<Float64Array> {
    return this.#done.get(key)!.scores;
  }

  async spent(): Promise<number> {
    return this.seconds;
  }
}

const METHODS = ['kd', 'nkd', 'dkd', 'vitkd', 'vkd', 'dearkd', 'uskd', 'deit'];

interface Setting {
  readonly methods?: readonly string[];
  readonly seconds?: number;
  readonly state?: SavedState;
  readonly keep?: (state: SavedState) => void;
  readonly tell?: (event: CourseEvent) => void;
  readonly layers?: boolean;
  readonly choosing?: Choosing;
}

const fresh: SavedState = { version: 1, request: null, costs: {}, phases: {} };

function go(
  trials: Trials,
  { methods = METHODS, seconds = 1500, choosing = 'inner', state = fresh, keep, tell, layers }: Setting = {},
) {
  const arms = methods.map((name) => arm(name, layers ? { mhca: { layers: 2 } } : null));
  return runCourse({
    alone: arm('alone'),
    methods: arms,
    reference: arms.find(({ name }) => name === 'kd') ?? null,
    sameLayers: ({ name, layers }) => (layers ? arm(`alone, as in ${name}`) : null),
    ...{ seconds, choosing, seed: 0, trials, state },
    keep: async (now) => keep?.(now),
    tell: tell ?? (() => undefined),
  });
}

/** Of so many images that the search tells all methods apart: what the intervals say is held to what is stated. */
const judged = (found: Found, least = 0.01) =>
  adviceOf(
    found,
    {
      ...{
        data: 'd',
        teacher: 't',
        student: 's',
        least,
        budget: 1,
        seconds: 1,
        trainImages: 1,
        validationImages: 1,
        chosenBy: { images: 1e12, of: 'training' },
      },
      ...{ metric: 'val/top1', applies: [], refused: [], out: 'out' },
    },
    () => 'next',
  );

const WORLD: World = { images: 120, ease: 1.5, own: 0.6, seed: 0.1 };

it('a fifth of the training images chooses, or half of the validation images where that is far more', () => {
  expect([choosingImages(600, 10_000), choosingImages(60_000, 10_000), choosingImages(1000, 500)]).toEqual([
    'choosing',
    'inner',
    'inner',
  ]);
});

describe('an advice on runs that are drawn', () => {
  it.each(['inner', 'choosing'] as const)(
    'says "worth it" at most as often as it states where no method is better, the choice among eight by %s images included',
    async (choosing) => {
      const tables = 250;
      const kinds: string[] = [];
      // Methods that each find other images easy: a judge by the images that chose would favour the one that was lucky with them.
      const world = { ...WORLD, images: 60, own: 2, seed: 0.02 };
      for (let key = 0; key < tables; key++) {
        const found = (await go(new SyntheticTrials(key, world, () => 1.5), { choosing }))!;
        kinds.push(judged(found).verdict.kind);
      }
      const share = kinds.filter((kind) => kind === 'worth').length / tables;
      expect(share).toBeLessThan(0.025 + 3 * Math.sqrt((0.025 * 0.975) / tables));
    },
  );

  it('where labels on the same layers do as well, that is found: beating the smaller student is not enough', async () => {
    const tables = 120;
    const kinds: string[] = [];
    const skill = (name: string) => (name === 'alone' ? 1 : 2);
    for (let key = 0; key < tables; key++) {
      const found = (await go(new SyntheticTrials(key, WORLD, skill), { methods: ['dearkd'], layers: true }))!;
      expect(found.finalists.map(({ costed }) => costed.arm.name)).toEqual(['dearkd', 'alone', 'alone, as in dearkd']);
      kinds.push(judged(found).verdict.kind);
    }
    const share = kinds.filter((kind) => kind === 'worth').length / tables;
    expect(share).toBeLessThan(0.025 + 3 * Math.sqrt((0.025 * 0.975) / tables));
  });

  it('says "not worth it" at most as often as it states where the gain is just the least that is worth it', async () => {
    const tables = 200;
    const world = { ...WORLD, images: 400, seed: 0.03 };
    const least = trueShare(world, 1.6) - trueShare(world, 1.5);
    const kinds: string[] = [];
    for (let key = 0; key < tables; key++) {
      const trials = new SyntheticTrials(key, world, (name) => (name === 'alone' ? 1.5 : 1.6));
      kinds.push(judged((await go(trials, { methods: ['kd'] }))!, least).verdict.kind);
    }
    const share = kinds.filter((kind) => kind === 'notWorth').length / tables;
    expect(share).toBeLessThan(0.025 + 3 * Math.sqrt((0.025 * 0.975) / tables));
  });

  it('finds the method that is better, and its gain', async () => {
    const world = { ...WORLD, images: 1000, seed: 0.05 };
    const truth = trueShare(world, 2.1) - trueShare(world, 1.5);
    const gains: number[] = [];
    for (let key = 0; key < 10; key++) {
      const found = (await go(new SyntheticTrials(key, world, (name) => (name === 'vkd' ? 2.1 : 1.5))))!;
      const advice = judged(found);
      expect([advice.method, advice.verdict.kind]).toEqual(['vkd', 'worth']);
      expect(advice.gains.map(({ over }) => over)).toEqual(['alone', 'kd']);
      gains.push(advice.gains[0]!.gain);
    }
    expect(gains.reduce((a, b) => a + b, 0) / 10).toBeCloseTo(truth, 1);
  });

  it.each(['inner', 'choosing'] as const)(
    'gives all arms of a round the same processor time, keeps to the budget, and never shares seeds or images, of %s',
    async (choosing) => {
      const costs: Readonly<Record<string, Cost>> = { dearkd: { epoch: 2.5, rest: 0.5, wall: 0.6 } };
      const trials = new SyntheticTrials(
        0,
        WORLD,
        () => 1.5,
        (name) => costs[name] ?? { epoch: 0.5, rest: 0.1, wall: 0.7 },
      );
      const found = (await go(trials, { seconds: 600, choosing }))!;
      expect(trials.seconds).toBeLessThanOrEqual(600);
      expect(trials.seconds).toBeGreaterThan(400);
      const times = (phase: string) =>
        trials.made
          .filter(({ key }) => key.startsWith(phase))
          .map(({ arm, epochs, images }) => epochs * (costs[arm.name]?.epoch ?? 0.5) * trainedShare(images));
      for (const phase of ['search1', 'search2', 'final']) {
        const all = times(phase);
        expect(Math.max(...all) / Math.min(...all), phase).toBeLessThan(1.4);
      }
      expect(Math.max(...times('final')) / found.finalBudget).toBeLessThan(1.1);
      const part = (images: Images) => trials.made.filter((trial) => trial.images === images);
      expect(part(choosing).every(({ key }) => key.startsWith('search'))).toBe(true);
      expect(part('whole').every(({ key }) => /^(curve|final)/.test(key))).toBe(true);
      const seeds = (images: Images) => new Set(part(images).map(({ seed }) => seed));
      expect([...seeds('whole')].some((seed) => seeds(choosing).has(seed))).toBe(false);
    },
  );

  it('methods that only the seeds of the search set apart are told as not known', async () => {
    // The final's seeds vary by points, and so many images chose that their chance is none.
    const world = { ...WORLD, images: 400, seed: 0.3 };
    const untold = await Promise.all(
      Array.from({ length: 5 }, async (_, key) => {
        const found = (await go(new SyntheticTrials(key, world, (name) => (name === 'alone' ? 3 : 1.5))))!;
        return judged(found).verdict;
      }),
    );
    expect(untold.some(({ text }) => /What .* is not known: the search/.test(text))).toBe(true);
  });

  it('stopped after any run and gone on with, it makes the same runs', async () => {
    const whole = new SyntheticTrials(7, WORLD, () => 1.5);
    await go(whole);
    const keys = whole.made.map(({ key, epochs }) => `${key} ${epochs}`);
    expect(new Set(keys).size).toBe(keys.length);
    for (const stop of [0, 1, 5, 30, keys.length - 1]) {
      const trials = new SyntheticTrials(7, WORLD, () => 1.5);
      trials.stopAfter = stop;
      let state = fresh;
      const keep = (now: SavedState) => {
        state = JSON.parse(JSON.stringify(now)) as SavedState;
      };
      expect(await go(trials, { keep })).toBeUndefined();
      trials.stopAfter = Number.POSITIVE_INFINITY;
      expect(await go(trials, { state, keep })).toBeDefined();
      expect(trials.made.map(({ key, epochs }) => `${key} ${epochs}`)).toEqual(keys);
    }
  });

  it('refuses a time that is too short, and the time that it asks for is enough', async () => {
    const random = stream('needed');
    for (let i = 0; i < 20; i++) {
      const cost = { epoch: 0.2 + random.uniform(), rest: random.uniform(), wall: 0.4 + random.uniform() };
      const methods = METHODS.slice(0, 1 + random.below(8));
      const trials = () =>
        new SyntheticTrials(
          i,
          WORLD,
          () => 1.5,
          () => cost,
        );
      const refusal = await go(trials(), { methods, seconds: 5 }).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(UserError);
      const [, asked] = /at least (\d+[sm]), by measured speed/.exec((refusal as Error).message)!;
      const seconds = Number(asked!.slice(0, -1)) * (asked!.endsWith('m') ? 60 : 1);
      expect((await go(trials(), { methods, seconds }))!.finalists[0]!.scores.length).toBeGreaterThanOrEqual(3);
    }
  });

  it('drops a method whose run fails in the search, and says so', async () => {
    const trials = new SyntheticTrials(1, WORLD, (name) => (name === 'vkd' ? 9 : 1.5));
    const make = trials.make.bind(trials);
    trials.make = (trial) =>
      trial.arm.name === 'vkd'
        ? Promise.resolve({ state: 'failed', error: 'the loss is NaN', seconds: 1 })
        : make(trial);
    const advice = judged((await go(trials))!);
    expect(advice.method).not.toBe('vkd');
    expect(advice.search[0]!.rows.find(({ arm }) => arm === 'vkd')).toMatchObject({
      kept: false,
      error: 'the loss is NaN',
    });
    expect(advice.notes[0]).toBe('search1/vkd-seed0 failed: the loss is NaN');
  });
});
