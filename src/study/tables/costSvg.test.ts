import { describe, expect, it } from 'vitest';
import { planStudy, type StudyAxis } from '../plan.ts';
import { costSvg } from './costSvg.ts';
import { dotsSvg } from './dotsSvg.ts';
import { tableOf } from './report.ts';
import { tableCells } from './reportCells.ts';
import { reportHtml } from './reportHtml.ts';
import { figureFile } from './resultsPage.ts';
import type { RunRow, StudyReport } from './rows.ts';

const LABELS = ['alone, x1', 'kd, x1', 'alone, x10', 'kd, x10'];
const AXIS: StudyAxis = {
  name: 'method',
  labels: LABELS,
  seed: false,
  fractions: null,
  expected: [null, null, null, 'above'],
  against: [null, 'alone, x1', null, null],
  lines: ['alone', 'kd', 'alone', 'kd'],
};
const SEED: StudyAxis = {
  ...AXIS,
  name: 'train.seed',
  labels: ['0', '1', '2'],
  seed: true,
  expected: [null, null, null],
};
const BASELINE = { axis: 'method', label: 'alone, x10' };

const run = (method: string, seed: number, last: number, cpuSeconds: number): RunRow => ({
  ...{ id: `${method}-${seed}`, labels: { method, 'train.seed': String(seed) }, state: 'done', last, best: last },
  ...{
    seconds: 1,
    cpuSeconds,
    steps: 1,
    imagesSeen: 1,
    trainImages: 1,
    parameters: 1,
    macs: 1,
    latencyMs: 1,
    error: null,
  },
});

/** alone 50 and 70 %, kd 60 and 80 %, each ten times as long the second time. */
const RUNS = LABELS.flatMap((label, i) =>
  [0, 1, 2].map((seed) => run(label, seed, 0.5 + i / 10 + seed / 100, [3, 4, 30, 40][i]!)),
);

function reportOf(axis: StudyAxis): StudyReport {
  const axes = [axis, SEED];
  const table = tableOf(RUNS, axes, BASELINE);
  return { name: 'x', metric: 'val/top1', axes, baseline: BASELINE, teachers: [], runs: RUNS, table };
}

describe('a method at several budgets', () => {
  it('is compared with what it says, and else with the baseline', () => {
    const { head, rows } = tableCells(reportOf(AXIS));
    expect(head.slice(4, 8)).toEqual(['compared with', 'difference', '95 % interval', '']);
    expect(rows.map((cells) => [cells[0], cells[4], cells[5], cells[7]])).toEqual([
      ['alone, x1', 'alone, x10', '-20.00', ''],
      ['kd, x1', 'alone, x1', '+10.00', ''],
      ['alone, x10', '', '', 'baseline'],
      ['kd, x10', 'alone, x10', '+10.00', 'as expected'],
    ]);
  });

  it('is refused where there is nothing to compare it with', () => {
    const plan = (value: object, baseline?: string) => () =>
      planStudy(
        {
          name: 'x',
          base: { data: { dir: 'd' }, student: { name: 'vit_pico_patch4' } },
          axes: {
            long: [
              { label: 'a', set: { 'train.epochs': 1 } },
              { label: 'b', set: { 'train.epochs': 2 }, ...value },
            ],
            'train.seed': [0, 1],
          },
          ...(baseline && { baseline }),
        },
        'x.yaml',
      );
    expect(plan({ against: 'a' }, 'a')().axes[0]!.against).toEqual([null, 'a']);
    expect(plan({ against: 'c' }, 'a')).toThrow(/axes\.long: b: against "c".*a, b/);
    expect(plan({ against: 'b' }, 'a')).toThrow('wanted another label than its own, "b"');
    expect(plan({ against: 'a' })).toThrow('against needs a baseline on this axis');
  });

  it('is a line over processor time, in the order of the cost', () => {
    const report = reportOf(AXIS);
    const svg = costSvg({ ...report, table: report.table.toReversed() });
    const lines = [...svg.matchAll(/<polyline points="([^"]+)"/g)].map(([, points]) =>
      points!.split(' ').map((point) => point.split(',').map(Number)),
    );
    expect(lines).toHaveLength(2);
    // kd before alone, as the rows stand here; each to the right and upwards, kd the dearer and the better.
    for (const [[x, y], [later, higher]] of lines as [number, number][][] as [[number, number], [number, number]][]) {
      expect(later).toBeGreaterThan(x);
      expect(higher).toBeLessThan(y);
    }
    expect(lines[0]![0]![0]).toBeGreaterThan(lines[1]![0]![0]!);
    expect([...svg.matchAll(/>(kd|alone)</g)].map(([, name]) => name)).toEqual(['kd', 'alone']);
    const marks = [...svg.matchAll(/text-anchor="middle"[^>]*>(\d+)</g)].map(([, mark]) => mark);
    expect(marks).toEqual(['2', '5', '10', '20', '50']);
    expect(figureFile(report)).toContain('over processor time');
    expect(reportHtml(report)).toContain('Over processor time');
  });

  it('has a figure of its own, not the one of a study without lines', () => {
    const { lines: _, ...without } = AXIS;
    expect(costSvg(reportOf(without))).toBe('');
    expect(dotsSvg(reportOf(without))).toContain('<svg');
    expect(dotsSvg(reportOf(AXIS))).toBe('');
  });
});
