import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tableOf } from './report.ts';
import type { RunRow, StudyReport } from './rows.ts';
import { figureFile, fillPage } from './resultsPage.ts';

const AXES = [
  { name: 'method', labels: ['alone', 'kd|soft'], seed: false, fractions: null, expected: [null, 'above'] },
  { name: 'data', labels: ['5 %', '20 %'], seed: false, fractions: [0.05, 0.2], expected: [null, null] },
  { name: 'train.seed', labels: ['0', '1'], seed: true, fractions: null, expected: [null, null] },
] as const;
const BASELINE = { axis: 'method', label: 'alone' };

const row = (method: string, data: string, seed: number, last: number | null, cpuSeconds: number): RunRow => ({
  id: `${method}-${data}-${seed}`,
  labels: { method, data, 'train.seed': String(seed) },
  state: last === null ? 'failed' : 'done',
  last,
  best: last,
  seconds: last && 999,
  cpuSeconds: last && cpuSeconds,
  steps: last && 3,
  imagesSeen: last && 30,
  trainImages: last && 7,
  parameters: last && 5,
  macs: last && 50,
  latencyMs: last && 0.5,
  error: null,
});
const RUNS = [
  ...[0.5, 0.6].map((last, i) => row('alone', '5 %', i, last, 10)),
  ...[0.8, 0.7].map((last, i) => row('alone', '20 %', i, last, 20)),
  ...[0.7, 0.81].map((last, i) => row('kd|soft', '5 %', i, last, 25)),
  ...[0.9, null].map((last, i) => row('kd|soft', '20 %', i, last, 26)),
];
const REPORT: StudyReport = {
  name: 'x',
  metric: 'val/top1',
  axes: AXES,
  baseline: BASELINE,
  teachers: [row('cnn', '', 0, 0.95, 1)],
  runs: RUNS,
  table: tableOf(RUNS, AXES, BASELINE),
};
const PAGE = 'Before.\n<!-- study x -->\nold\n<!-- end -->\nBetween.\n<!-- study y -->\n<!-- end -->\nAfter.\n';

it('makes the blocks of a page anew and keeps the prose around them', () => {
  const page = fillPage(PAGE, (name) => (name === 'x' ? REPORT : undefined));
  expect(page).toMatch(/^Before\.\n<!-- study x -->\n7 of 8 runs are finished\. The rest is missing/);
  expect(page).toMatch(/<!-- end -->\nBetween\.\n<!-- study y -->\nNot run yet\.\n<!-- end -->\nAfter\.\n$/);
  expect(page).toContain('cnn-');
  expect(page).not.toContain('old');
  expect(fillPage(page, (name) => (name === 'x' ? REPORT : undefined))).toBe(page);
});

it('the table has the cost against the baseline on the same data, and no wall time', () => {
  const lines = fillPage(PAGE, () => REPORT).split('\n');
  const rows = lines.filter((line) => line.startsWith('|'));
  expect(rows[0]).toBe(
    '| method | data | val/top1 % | sd | n | difference to alone | 95 % interval |  | images seen | cost |',
  );
  expect(rows[2]).toBe('| alone | 5 % | 55.00 | 7.07 | 2 |  |  | baseline | 30 | x 1.0 |');
  // Differences 0.2 and 0.21: half = 12.7062 * 0.0070711 / sqrt 2 = 0.063531.
  expect(rows[4]).toBe('| kd\\|soft | 5 % | 75.50 | 7.78 | 2 | +20.50 | +14.15 to +26.85 | as expected | 30 | x 2.5 |');
  expect(rows[5]).toContain('| 1 of 2 | +10.00 | - | one seed: no interval | 30 | x 1.3 |');
});

it('shows what was measured of the images that a study made', () => {
  const quality = {
    images: 20,
    teacherTop1: 0.95,
    teacherConfidence: 0.5,
    normGaps: [
      { name: 'a', mean: 1, variance: 0.25 },
      { name: 'b', mean: 0.5, variance: 0.125 },
    ],
    intraClassDistance: 0.4,
    boundaryDistance: 0.7,
    nearRepeats: 0.05,
    compared: 20,
  };
  const images = [
    { name: 'di', quality },
    { name: 'fill', quality: null },
  ];
  const page = fillPage(PAGE, () => ({ ...REPORT, images }));
  expect(page).toContain('| di | 20 | 95.00 | 50.00 | 1.50 | 0.38 | 0.400 | 0.700 | 5.00 |\n| fill | - |');
  expect(page).toContain('![images of the set di](results/x-di.jpg)');
  expect(page).not.toContain('x-fill.jpg');
  expect(fillPage(PAGE, () => REPORT)).not.toContain('near repeats');
});

it('says where a block is not closed', () => {
  expect(() => fillPage('<!-- study x -->\n', () => REPORT)).toThrow('wanted <!-- end --> after each of 1');
});

it('the curve stands alone as a file', () => {
  expect(figureFile(REPORT)).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="760".*<style>/);
  expect(figureFile({ ...REPORT, axes: [AXES[0], AXES[2]], table: [] })).toBe('');
});

it("the committed pages are what their studies' numbers make of them", () => {
  const page = ['docs/results.md', 'docs/resultsBefore.md'].map((path) => readFileSync(path, 'utf8')).join('\n');
  const held = (name: string): StudyReport | undefined => {
    const path = `docs/results/${name}.json`;
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as StudyReport) : undefined;
  };
  expect(fillPage(page, held)).toBe(page);
  const shown = [...page.matchAll(/<!-- study (\w+)/g)].map(([, name]) => name);
  const kept = readdirSync('docs/results').filter((name) => name.endsWith('.json'));
  expect(kept.filter((name) => !shown.includes(name.replace('.json', '')))).toEqual([]);
  for (const [, picture] of page.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g))
    expect(existsSync(join('docs', picture!)), picture).toBe(true);
});
