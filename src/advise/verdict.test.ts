import { describe, expect, it } from 'vitest';
import { untoldFrom } from './conclude.ts';
import type { Gain } from './statistics/gain.ts';
import { type Judged, kindOf, type Rival, verdictOf } from './verdict.ts';

const gain = (low: number, high: number): Gain => ({
  gain: (low + high) / 2,
  interval: [low, high],
  error: { se: (high - low) / 4, df: 8 },
  components: { seeds: [1e-4, 1e-4], images: 0.05, rest: [0.05, 0.05] },
  seeds: [5, 5],
  images: 400,
});
const rival = (name: string, low: number, high: number): Rival => ({
  name,
  gain: gain(low, high),
  decides: name.startsWith('alone'),
});
const judged = (...rivals: Rival[]): Judged => ({
  ...{ method: 'dearkd', rivals, least: 0.01, full: { known: 'reached' }, budget: 60, fullBudget: 60 },
  untold: [],
  chosenBy: { images: 1200, of: 'training' },
});

describe('kindOf', () => {
  it.each([
    ['worth', [rival('alone', 0.005, 0.03)]],
    ['unclear', [rival('alone', -0.001, 0.03)]],
    ['notWorth', [rival('alone', -0.02, 0.009)]],
    // A gain that is there, and smaller than asked for.
    ['notWorth', [rival('alone', 0.002, 0.009)]],
    // The same layers on labels alone must be beaten too; soft distillation need not.
    ['unclear', [rival('alone', 0.02, 0.05), rival('alone, as in dearkd', -0.01, 0.02)]],
    ['notWorth', [rival('alone', 0.02, 0.05), rival('alone, as in dearkd', -0.02, 0.005)]],
    ['worth', [rival('alone', 0.02, 0.05), rival('kd', -0.02, 0.005)]],
    ['unclear', [{ ...rival('alone', 0, 0), gain: { ...gain(0.1, 0.2), interval: null } }]],
  ] as const)('%s', (kind, rivals) => {
    expect(kindOf(rivals, 0.01)).toBe(kind);
  });
});

it('says it in words and numbers', () => {
  const found = verdictOf(judged(rival('alone', 0.011, 0.053), rival('kd', -0.005, 0.025)));
  expect(found).toEqual({
    kind: 'worth',
    needed: null,
    text: 'Distilling with dearkd is worth it: +3.2 points (+1.1 to +5.3) over alone and +1.0 points (-0.5 to +2.5) over kd, at equal processor time (60 s a run, teacher included). These runs were of full length.',
  });
});

it('a method that is not worth it says nothing of others that the search could not tell from it', () => {
  const low = judged(rival('alone', -0.02, 0.005));
  expect(verdictOf(low)).toMatchObject({
    kind: 'notWorth',
    text: expect.stringMatching(/^Distilling is not worth it\./),
  });
  const found = verdictOf({ ...low, untold: ['kd', 'vkd'] });
  expect(found.kind).toBe('unclear');
  expect(found.text).toMatch(
    /^These images cannot tell .* dearkd is not: .* What kd and vkd have is not known: .*1,200 of the training images/,
  );
});

it('methods are told apart by two standard errors of the images that judged and of the seeds', () => {
  const row = (arm: string, mean: number | null, kept: boolean) => ({ arm, epochs: 1, scores: [0.5], mean, kept });
  // Of 100 images at 0.8 a difference has a standard error of 0.057.
  const rows = [row('alone', 0.5, true), row('kd', 0.8, true), row('near', 0.7, false), row('far', 0.6, false)];
  const search = [{ budget: 1, rows: [...rows, row('failed', null, false)] }];
  expect(untoldFrom(['kd', 'alone'], search, 100, 0)).toEqual(['near']);
  expect(untoldFrom(['kd', 'alone'], search, 10_000, 0)).toEqual([]);
  // So many images tell them apart, one seed of each does not.
  expect(untoldFrom(['kd', 'alone'], search, 10_000, 0.05 ** 2)).toEqual(['near']);
  // It came to the end beside the chosen one.
  expect(untoldFrom(['kd', 'alone', 'near'], search, 100, 0)).toEqual([]);
});

it('of images that cannot tell it says what could, for the comparison that takes most', () => {
  const wide: Rival = rival('alone, as in dearkd', -0.03, 0.05);
  const { text, needed } = verdictOf(judged(rival('alone', -0.01, 0.03), wide));
  expect(needed!.images === null && needed!.seeds === null).toBe(true);
  expect(text).toContain('To see a gain of 1 point in 4 of 5 such tests, neither more validation images alone nor');
  const easy = { ...wide.gain, components: { seeds: [1e-5, 1e-5], images: 0.02, rest: [0, 0] } as const };
  const told = verdictOf({ ...judged({ ...wide, gain: easy }), full: { known: false, why: 'its curve bends' } });
  expect(told.needed!.images).toBeGreaterThan(1000);
  const halves = verdictOf({
    ...{ ...judged({ ...wide, gain: easy }), full: { known: false, why: 'its curve bends' } },
    chosenBy: { images: 400, of: 'validation' },
  });
  expect(halves.text).toContain(`${(2 * told.needed!.images!).toLocaleString('en')} validation images in place of 800`);
  expect(told.text).toMatch(
    /it would take \d,\d{3} validation images in place of 400\. At full length .* not known: its/,
  );
});
