import { expect, it } from 'vitest';
import { curveSvg } from './curveSvg.ts';
import { dotsSvg } from './dotsSvg.ts';
import { planStudy, type StudyAxis } from '../plan.ts';
import type { RunRecord } from '../recordsNode.ts';
import { pairedDifference, reportOf, tableOf } from './report.ts';
import type { RunRow, StudyReport } from './rows.ts';
import { reportHtml } from './reportHtml.ts';
import { tableCells } from './reportCells.ts';

const METHOD: StudyAxis = {
  name: 'method',
  labels: ['alone', 'a & b'],
  seed: false,
  fractions: null,
  expected: [null, 'above'],
};
const FRACTION: StudyAxis = {
  name: 'data',
  labels: ['5 %', '20 %'],
  seed: false,
  fractions: [0.05, 0.2],
  expected: [null, null],
};
const SEED: StudyAxis = {
  name: 'train.seed',
  labels: ['0', '1', '2'],
  seed: true,
  fractions: null,
  expected: [null, null, null],
};
const AXES = [METHOD, FRACTION, SEED];
const BASELINE = { axis: 'method', label: 'alone' };

function row(method: string, data: string, seed: number, last: number | null): RunRow {
  const done = last !== null;
  return {
    id: `${method}-${data}-${seed}`,
    labels: { method, data, 'train.seed': String(seed) },
    state: done ? 'done' : 'failed',
    last,
    best: done ? 1 : null,
    seconds: done ? 10 + seed : null,
    cpuSeconds: done ? 20 + seed : null,
    steps: done ? 3 : null,
    imagesSeen: done ? 30 : null,
    trainImages: done ? 7 : null,
    parameters: done ? 5 : null,
    macs: done ? 50 : null,
    latencyMs: done ? 0.5 + seed : null,
    error: done ? null : 'it <broke>',
  };
}

const RUNS = [
  ...[0.5, 0.6, 0.7].map((last, i) => row('alone', '5 %', i, last)),
  ...[0.8, 0.7, 0.9].map((last, i) => row('alone', '20 %', i, last)),
  ...[0.6, 0.68, 0.83].map((last, i) => row('a & b', '5 %', i, last)),
  ...[0.79, null, 0.92].map((last, i) => row('a & b', '20 %', i, last)),
];

const REPORT: StudyReport = {
  name: 'a <study>',
  metric: 'val/top1',
  axes: AXES,
  baseline: BASELINE,
  teachers: [],
  runs: RUNS,
  table: tableOf(RUNS, AXES, BASELINE),
};

it('a row has the last evaluation of a finished run, and no numbers of any other', () => {
  const plan = planStudy(
    {
      name: 'x',
      base: { data: { dir: 'd' }, student: { name: 'vit_pico_patch4' } },
      axes: { 'train.seed': [0, 1, 2, 3] },
      metric: 'val_ema/top1',
    },
    'x.yaml',
  );
  const outcome = {
    steps: 9,
    last: { 'val/top1': 0.4, 'val_ema/top1': 0.5 },
    best: { step: 3, top1: 0.9 },
    imagesSeen: 90,
    trainImages: 10,
    parameters: 7,
  };
  const records = new Map<string, RunRecord>([
    ['runs/seed-0', { state: 'done', seconds: 4, outcome }],
    ['runs/seed-1', { state: 'failed', seconds: 4, error: 'why' }],
    ['runs/seed-2', { state: 'running', seconds: 4, startedAt: 1, outcome }],
  ]);
  const { runs, table } = reportOf(plan, records);
  expect(runs[0]).toMatchObject({
    id: 'seed-0',
    state: 'done',
    last: 0.5,
    best: 0.9,
    seconds: 4,
    steps: 9,
    parameters: 7,
  });
  expect(runs.slice(1).map(({ state, last, seconds, error }) => [state, last, seconds, error])).toEqual([
    ['failed', null, null, 'why'],
    ['interrupted', null, null, null],
    ['waiting', null, null, null],
  ]);
  expect(table).toMatchObject([{ labels: {}, n: 1, planned: 4, mean: 0.5, sd: null, difference: null }]);
});

it('means, deviations and costs are over the seeds of a combination', () => {
  const [first, second] = REPORT.table;
  expect(first).toMatchObject({ labels: { method: 'alone', data: '5 %' }, n: 3, planned: 3, difference: null });
  expect(first!.mean).toBeCloseTo(0.6, 12);
  expect(first!.sd).toBeCloseTo(0.1, 12);
  expect(first!.seconds).toBeCloseTo(11, 12);
  expect(first!.cpuSeconds).toBeCloseTo(21, 12);
  expect(second!.labels).toEqual({ method: 'alone', data: '20 %' });
});

it('differences are paired by seed within the same data, with a Student interval', () => {
  const [, , small, large] = REPORT.table;
  // Differences 0.1, 0.08, 0.13: mean 0.10333, sd 0.0251661, half = 4.302653 * sd / sqrt 3 = 0.0625161.
  expect(small!.difference!.mean).toBeCloseTo(0.1033333, 6);
  expect(small!.difference!.interval![0]).toBeCloseTo(0.0408172, 6);
  expect(small!.difference!.interval![1]).toBeCloseTo(0.1658495, 6);
  expect(small!.difference!.insideNoise).toBe(false);
  // Seed 1 failed: -0.01 and 0.02 are left, mean 0.005, half = 12.7062 * 0.0212132 / sqrt 2 = 0.190593.
  expect(large).toMatchObject({ n: 2, planned: 3, difference: { n: 2, insideNoise: true } });
  expect(large!.difference!.interval![1]).toBeCloseTo(0.195593, 5);
});

it('a single pair has no interval and no verdict; equal pairs differ by nothing', () => {
  expect(pairedDifference([0.3])).toEqual({ n: 1, mean: 0.3, interval: null, insideNoise: null });
  expect(pairedDifference([0, 0, 0])).toEqual({ n: 3, mean: 0, interval: [0, 0], insideNoise: true });
  expect(pairedDifference([-0.2, -0.21, -0.19]).insideNoise).toBe(false);
});

it('the text table says what is noise and what is missing', () => {
  const { head, rows } = tableCells(REPORT);
  expect(head.slice(0, 6)).toEqual(['method', 'data', 'val/top1 %', 'sd', 'n', 'difference to alone']);
  expect(rows[0]).toEqual(['alone', '5 %', '60.00', '10.00', '3', '', '', 'baseline', '11s', '30']);
  expect(rows[2]!.slice(5, 8)).toEqual(['+10.33', '+4.08 to +16.58', 'as expected']);
  expect(rows[3]!.slice(4, 8)).toEqual(['2 of 3', '+0.50', '-18.56 to +19.56', 'inside the noise']);
});

it('what a student costs stands in the table where students differ', () => {
  expect(REPORT.table[0]).toMatchObject({ parameters: 5, macs: 50, latencyMs: 1.5 });
  expect(tableCells(REPORT).head).not.toContain('parameters');
  const larger = RUNS.map((run) =>
    run.labels.method === 'alone' || run.last === null ? run : { ...run, parameters: 7_313_896, macs: 1.169e9 },
  );
  const { head, rows } = tableCells({ ...REPORT, runs: larger, table: tableOf(larger, AXES, BASELINE) });
  expect(head.slice(-3)).toEqual(['parameters', 'MACs', 'ms an image']);
  expect(rows[0]!.slice(-3)).toEqual(['5', '50', '1.50']);
  expect(rows[2]!.slice(-3)).toEqual(['7.31 M', '1.17 G', '1.50']);
  // Of a run of an older version the cost is not all known.
  const older = larger.map(({ macs: _, latencyMs: __, ...run }) => run as RunRow);
  const { rows: unknown } = tableCells({ ...REPORT, runs: older, table: tableOf(older, AXES, BASELINE) });
  expect(unknown[2]!.slice(-3)).toEqual(['7.31 M', '-', '-']);
});

it('a clear difference on the wrong side is said to be against what was expected', () => {
  const axes = [{ ...METHOD, expected: [null, 'below'] as const }, FRACTION, SEED];
  const { rows } = tableCells({ ...REPORT, axes, table: tableOf(RUNS, axes, BASELINE) });
  expect(rows.map((cells) => cells[7])).toEqual([
    'baseline',
    'baseline',
    'against what was expected',
    'inside the noise',
  ]);
});

it('the curve has a series a method, ordered by the share of the data, on a logarithmic axis', () => {
  const svg = curveSvg(REPORT);
  const lines = [...svg.matchAll(/<polyline points="([^"]+)"/g)].map(([, points]) =>
    points!.split(' ').map((point) => point.split(',').map(Number)),
  );
  expect(lines).toHaveLength(2);
  expect(lines[0]![0]![0]).toBeLessThan(lines[0]![1]![0]!);
  // Higher accuracy is higher on the page: alone rises from 0.6 to 0.8.
  expect(lines[0]![0]![1]).toBeGreaterThan(lines[0]![1]![1]!);
  expect(svg).toContain('>a &amp; b</text>');
  expect(curveSvg({ ...REPORT, axes: [METHOD, SEED], table: tableOf(RUNS, [METHOD, SEED], BASELINE) })).toBe('');
});

/** One varied thing over three seeds, with what a user may write as a label. */
function oneAxis(runs: readonly RunRow[]): StudyReport {
  const labels = [...new Set(runs.map(({ labels }) => labels.method!))];
  const axes = [{ ...METHOD, labels }, SEED];
  return { ...REPORT, axes, runs, table: tableOf(runs, axes, BASELINE) };
}

it('one varied thing has a chart: each run, the mean and the deviation of each value, where they lie', () => {
  const first = RUNS.filter(({ labels }) => labels.data === '5 %');
  const svg = dotsSvg(oneAxis(first));
  const dots = [...svg.matchAll(/<circle cx="([^"]+)" cy="([^"]+)" r="(\d)"/g)].map(([, x, y, r]) =>
    [x, y, r].map(Number),
  );
  const at = (row: number, radius: number) => dots.filter(([, y, r]) => y === dots[4 * row]![1] && r === radius);
  expect(dots).toHaveLength(8);
  // alone: 0.5, 0.6, 0.7, evenly spaced with the mean in the middle; a & b: 0.6, 0.68, 0.83.
  const [low, middle, high] = at(0, 3).map(([x]) => x!) as [number, number, number];
  expect(high - middle).toBeCloseTo(middle - low, 1);
  expect(at(0, 5)[0]![0]).toBeCloseTo(middle, 1);
  const unit = (high - low) / 20;
  expect(at(1, 3).map(([x]) => (x! - low) / unit + 50)).toEqual([60, 68, 83].map((one) => expect.closeTo(one, 1)));
  expect((at(1, 5)[0]![0]! - low) / unit + 50).toBeCloseTo((60 + 68 + 83) / 3, 1);
  // The deviation of 0.5, 0.6, 0.7 is 0.1: its bar goes from the first to the last.
  expect(svg).toMatch(new RegExp(`<line x1="${low}" y1="57" x2="${high}" y2="57"`));
  expect(svg).toContain(`stroke="#d55e00"`);
  expect(svg).toContain('>a &amp; b</text>');
  // A learning curve shows the same better; one row is nothing to compare.
  expect(dotsSvg(REPORT)).toBe('');
  expect(dotsSvg(oneAxis(first.slice(0, 3)))).toBe('');
  expect(dotsSvg(oneAxis(first.map((run) => ({ ...run, last: null }))))).toBe('');
  expect(reportHtml(oneAxis(first))).toContain('<svg');
});

it('a run leads to its own page where it has one, and no name leads elsewhere', () => {
  const names = ['kd', 'javascript:alert(1)', '"><script>x</script>', '../../up', '//elsewhere'];
  const runs = names.map((name, i) => ({ ...row(name, '5 %', 0, 0.5 + i / 10), id: name }));
  const html = reportHtml({ ...oneAxis(runs), teachers: [{ ...row('t', '5 %', 0, 0.5), id: 'cnn' }] }, () => true);
  const links = [...html.matchAll(/<a href="([^"]*)">/g)].map(([, href]) => href);
  expect(links).toEqual([
    './teachers/cnn/report.html',
    './runs/kd/report.html',
    './runs/javascript%3Aalert(1)/report.html',
    './runs/%22%3E%3Cscript%3Ex%3C%2Fscript%3E/report.html',
    './runs/..%2F..%2Fup/report.html',
    './runs/%2F%2Felsewhere/report.html',
  ]);
  expect(html).not.toContain('<script');
  expect(html).toContain('>&quot;&gt;&lt;script&gt;x&lt;/script&gt;</a>');
  expect(reportHtml(oneAxis(runs), (key) => key === 'runs/kd').match(/<a /g)).toHaveLength(1);
});

it('the page loads nothing and escapes what users wrote', () => {
  const html = reportHtml(REPORT);
  expect(html).toContain('<h1>a &lt;study&gt;</h1>');
  expect(html).toContain('it &lt;broke&gt;');
  expect(html).toContain('11 of 12 runs are finished');
  expect(html).not.toMatch(/https?:|<script|<link|@import|url\(|src=/);
  expect(html.match(/<tr class="noise">/g)).toHaveLength(1);
});

it('without labels, runs are compared by their agreement with the teacher, and called so', () => {
  const base = { data: { dir: 'd' }, student: { name: 'vit_pico_patch4' } };
  const plan = planStudy({ name: 'x', base, axes: { 'train.seed': [0, 1] } }, 'x.yaml');
  const cost = { steps: 9, imagesSeen: 90, trainImages: 10, parameters: 7 };
  const outcome = { ...cost, last: { 'val/teacher_agreement': 0.4 }, best: { step: 3, teacherAgreement: 0.9 } };
  const report = reportOf(plan, new Map([['runs/seed-0', { state: 'done', seconds: 4, outcome }]]));
  expect(report.metric).toBe('val/teacher_agreement');
  expect(report.runs[0]).toMatchObject({ last: 0.4, best: 0.9 });
  expect(tableCells(report).head[0]).toBe('val/teacher_agreement %');
  const labelled = {
    ...outcome,
    last: { 'val/top1': 0.7, 'val/teacher_agreement': 0.4 },
    best: { step: 3, top1: 0.8 },
  };
  const other = reportOf(plan, new Map([['runs/seed-0', { state: 'done', seconds: 4, outcome: labelled }]]));
  expect([other.metric, other.runs[0]!.last, other.runs[0]!.best]).toEqual(['val/top1', 0.7, 0.8]);
});
