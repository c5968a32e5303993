import { expect, it } from 'vitest';
import { stream } from '../../random/stream.ts';
import { intervalOverImages } from './pairedImages.ts';
import { packRight, unpackRight } from './rightBits.ts';
import { reportOf } from './report.ts';
import { planStudy } from '../plan.ts';
import type { TableRow } from './rows.ts';
import type { RunRecord } from '../recordsNode.ts';
import { tableNotes } from './reportCells.ts';

/** Pairs of runs whose true difference over all seeds and images is `truth`: each difference is -1, 0 or 1, as of right and wrong. */
function drawn(key: number, [seeds, images]: readonly [number, number], spread: { seed: number; image: number }) {
  const random = stream('pairs', key);
  const easy = Float64Array.from({ length: images }, () => spread.image * (2 * random.uniform() - 1));
  return Array.from({ length: seeds }, () => {
    const skill = spread.seed * random.normal();
    return easy.map((ease) => {
      const expected = 0.05 + skill + ease;
      return random.uniform() < Math.abs(expected) ? Math.sign(expected) : 0;
    });
  });
}

it.each([
  ['seeds differ more than images', { seed: 0.03, image: 0.1 }],
  ['images differ more than seeds', { seed: 0.002, image: 0.5 }],
])('intervals hold the true difference 95 times in a hundred where %s', (_, spread) => {
  const worlds = 400;
  let held = 0;
  for (let key = 0; key < worlds; key++) {
    const [low, high] = intervalOverImages(drawn(key, [5, 150], spread))!;
    if (low <= 0.05 && 0.05 <= high) held++;
  }
  // One standard error of 400 draws is 1.1 points.
  expect(held / worlds).toBeGreaterThan(0.92);
  expect(held / worlds).toBeLessThan(0.99);
});

it('seeds that all agree leave the chance of the images, images that all agree that of the seeds', () => {
  const agreed = Array.from({ length: 3 }, () => [1, 1, 0, 0, 0, 0, 0, 0]);
  const [low, high] = intervalOverImages(agreed)!;
  expect((low + high) / 2).toBeCloseTo(0.25);
  // Student t at 7 degrees of freedom, sd of the images sqrt(12/56).
  expect((high - low) / 2).toBeCloseTo(2.3646 * Math.sqrt(12 / 56 / 8), 3);
  expect(intervalOverImages([[1, 0]])).toBeNull();
});

it('right and wrong by image survive being packed', () => {
  const right = Array.from({ length: 19 }, (_, i) => i % 3 === 0);
  expect([...unpackRight(packRight(right))]).toEqual(right.map(Number));
});

it('a table takes the images into its intervals where every run kept its answers, and says so', () => {
  const base = { data: { dir: 'd' }, student: { name: 'vit_pico_patch4' } };
  const axes = {
    method: [
      { label: 'a', set: { 'optim.lr': 0.002 } },
      { label: 'b', set: { 'optim.lr': 0.001 } },
    ],
    'train.seed': [0, 1],
  };
  const plan = planStudy({ name: 'x', base, axes, baseline: 'a' }, 'x.yaml');
  const answers = { 'a-0': 'wwwwrrrr', 'a-1': 'wwwwwrrr', 'b-0': 'wwrrrrrr', 'b-1': 'wwrrrrrr' };
  const report = (without?: string) => {
    const records = plan.runs.map(({ key, labels }) => {
      const name = `${labels.method}-${labels['train.seed']}` as keyof typeof answers;
      const right = [...answers[name]].map((one) => one === 'r');
      const last = { 'val/top1': right.filter(Boolean).length / 8 };
      const outcome = { steps: 1, last, best: null, imagesSeen: 1, trainImages: 1, parameters: 1 };
      const kept = name === without ? {} : { right: packRight(right) };
      return [key, { state: 'done', seconds: 1, outcome: { ...outcome, ...kept } } satisfies RunRecord] as const;
    });
    return reportOf(plan, new Map(records));
  };
  const { difference } = report().table[1]!;
  expect(difference).toMatchObject({ n: 2, mean: 0.3125, overImages: true, insideNoise: true });
  expect(tableNotes(report())[1]).toContain('new seeds and new validation images');
  // A row of one seed has no interval, of which there is nothing to say.
  const [base0, row] = report().table as [TableRow, TableRow];
  const single = { ...row, difference: { n: 1, mean: 0.1, interval: null, insideNoise: null } };
  expect(tableNotes({ ...report(), table: [base0, row, single] })[1]).toContain('new seeds and new validation images');
  const seedsAlone = report('b-1').table[1]!.difference!;
  expect(seedsAlone.overImages).toBeUndefined();
  expect(seedsAlone.interval).not.toEqual(difference!.interval);
  expect(tableNotes(report('b-1'))[1]).toContain('Student-t over the seeds');
});
