import type { PlannedRun, StudyAxis, StudyPlan } from '../plan.ts';
import type { RunRecord } from '../recordsNode.ts';
import { type Differences, intervalOverImages } from './pairedImages.ts';
import { unpackRight } from './rightBits.ts';
import { tQuantile } from './studentT.ts';
import type { ImageSetRow, RunRow, TableRow, PairedDifference, StudyReport } from './rows.ts';

export function reportOf(
  plan: StudyPlan,
  records: ReadonlyMap<string, RunRecord>,
  images: readonly ImageSetRow[] = [],
): StudyReport {
  const { study, axes, baseline } = plan;
  const metric = study.metric ?? usualMetric(plan.runs.map(({ key }) => records.get(key)));
  const row = (run: PlannedRun) => runRow(run, records.get(run.key), metric);
  const runs = plan.runs.map(row);
  return {
    name: study.name,
    metric,
    axes,
    baseline,
    teachers: plan.teachers.map(row),
    runs,
    table: tableOf(runs, axes, baseline),
    ...(images.length > 0 ? { images } : {}),
  };
}

/** What tells runs apart where the study does not say: accuracy, or of images without labels agreement with the teacher. */
export function usualMetric(records: readonly (RunRecord | undefined)[]): string {
  const last = records.flatMap((record) => (record?.outcome ? [record.outcome.last] : []));
  const has = (name: string) => last.some((metrics) => name in metrics);
  return (
    ['val/top1', 'val/map', 'val/teacher_agreement', 'val/knn_top1', 'val/neighbour_agreement'].find(has) ?? 'val/top1'
  );
}

/** A run that is not finished has no numbers, however far it came. */
function runRow({ key, labels }: PlannedRun, record: RunRecord | undefined, metric: string): RunRow {
  const outcome = record?.state === 'done' ? record.outcome : undefined;
  const state = record === undefined ? 'waiting' : record.state === 'running' ? 'interrupted' : record.state;
  return {
    id: key.slice(key.indexOf('/') + 1),
    labels,
    state,
    last: outcome?.last[metric] ?? null,
    best: outcome?.best?.top1 ?? outcome?.best?.map ?? outcome?.best?.teacherAgreement ?? null,
    seconds: outcome ? record!.seconds : null,
    cpuSeconds: outcome ? (record!.cpuSeconds ?? null) : null,
    steps: outcome?.steps ?? null,
    imagesSeen: outcome?.imagesSeen ?? null,
    trainImages: outcome?.trainImages ?? null,
    parameters: outcome?.parameters ?? null,
    macs: outcome?.macs ?? null,
    latencyMs: outcome ? (record!.latencyMs ?? null) : null,
    error: state === 'failed' ? (record?.error ?? null) : null,
    ...(outcome?.right !== undefined && metric === 'val/top1' ? { right: outcome.right } : {}),
  };
}

export function tableOf(
  runs: readonly RunRow[],
  axes: readonly StudyAxis[],
  baseline: StudyPlan['baseline'],
): TableRow[] {
  const open = axes.filter(({ seed }) => !seed).map(({ name }) => name);
  const seeds = axes.filter(({ seed }) => seed).map(({ name }) => name);
  const keyOf = (names: readonly string[], labels: RunRow['labels']) =>
    JSON.stringify(names.map((name) => labels[name]));
  const groups = groupBy(runs, ({ labels }) => keyOf(open, labels));
  return [...groups.values()].map((group) => {
    const labels = Object.fromEntries(open.map((name) => [name, group[0]!.labels[name]!]));
    const against = againstOf(axes, baseline, labels);
    const others = against === null ? [] : (groups.get(keyOf(open, { ...labels, [baseline!.axis]: against })) ?? []);
    const bySeed = new Map(others.map((other) => [keyOf(seeds, other.labels), other]));
    const pairs = group.flatMap((run): Pair[] => {
      const other = bySeed.get(keyOf(seeds, run.labels));
      return run.last === null || other === undefined || other.last === null ? [] : [[run, other]];
    });
    return {
      labels,
      planned: group.length,
      ...summaryOf(group),
      expected: expectationOf(axes, baseline, labels),
      against,
      difference: pairs.length > 0 ? differenceOf(pairs) : null,
    };
  });
}

/** The label that a row is compared with; null for the baseline itself. */
function againstOf(
  axes: readonly StudyAxis[],
  baseline: StudyPlan['baseline'],
  labels: TableRow['labels'],
): string | null {
  const axis = axes.find(({ name }) => name === baseline?.axis);
  if (!baseline || !axis) return null;
  const own = labels[axis.name]!;
  const wanted = axis.against?.[axis.labels.indexOf(own)] ?? baseline.label;
  return wanted === own ? null : wanted;
}

function expectationOf(
  axes: readonly StudyAxis[],
  baseline: StudyPlan['baseline'],
  labels: TableRow['labels'],
): TableRow['expected'] {
  const axis = axes.find(({ name }) => name === baseline?.axis);
  return axis?.expected[axis.labels.indexOf(labels[axis.name]!)] ?? null;
}

function summaryOf(group: readonly RunRow[]) {
  const done = group.filter(({ state }) => state === 'done');
  const values = done.flatMap(({ last }) => last ?? []);
  return {
    n: values.length,
    mean: values.length > 0 ? mean(values) : null,
    sd: deviation(values),
    seconds: meanOf(done, 'seconds'),
    cpuSeconds: knownMean(done, 'cpuSeconds'),
    imagesSeen: meanOf(done, 'imagesSeen'),
    trainImages: meanOf(done, 'trainImages'),
    parameters: knownMean(done, 'parameters'),
    macs: knownMean(done, 'macs'),
    latencyMs: knownMean(done, 'latencyMs'),
  };
}

type Pair = readonly [run: RunRow, baseline: RunRow];

/** With the chance of the images in its interval, where all runs kept what they said of each. */
function differenceOf(pairs: readonly Pair[]): PairedDifference {
  const found = pairedDifference(pairs.map(([run, other]) => run.last! - other.last!));
  const byImage = imageDifferences(pairs);
  const interval = byImage && intervalOverImages(byImage);
  return interval ? { ...found, interval, insideNoise: interval[0] <= 0 && interval[1] >= 0, overImages: true } : found;
}

/** Undefined where a run did not keep its answers, or was asked about other images. */
function imageDifferences(pairs: readonly Pair[]): Differences | undefined {
  if (pairs.flat().some(({ right }) => right === undefined)) return undefined;
  const rows = pairs.map(([run, other]) => [unpackRight(run.right!), unpackRight(other.right!)] as const);
  const images = rows[0]![0].length;
  if (rows.flat().some(({ length }) => length !== images)) return undefined;
  return rows.map(([mine, theirs]) => Int8Array.from(mine, (one, i) => one - theirs[i]!));
}

/** Mean of differences with its 95 % interval: mean +- t(0.975, n - 1) sd / sqrt n. */
export function pairedDifference(differences: readonly number[]): PairedDifference {
  const [n, middle, sd] = [differences.length, mean(differences), deviation(differences)];
  if (sd === null) return { n, mean: middle, interval: null, insideNoise: null };
  const half = (tQuantile(0.975, n - 1) * sd) / Math.sqrt(n);
  const interval = [middle - half, middle + half] as const;
  return { n, mean: middle, interval, insideNoise: interval[0] <= 0 && interval[1] >= 0 };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

type Cost = 'seconds' | 'cpuSeconds' | 'imagesSeen' | 'trainImages' | 'parameters' | 'macs' | 'latencyMs';

const meanOf = (rows: readonly RunRow[], key: Cost): number | null =>
  rows.length === 0 ? null : mean(rows.map((row) => row[key] ?? 0));

/** Null where it is not known of each; reports of older versions lack some. */
const knownMean = (rows: readonly RunRow[], key: Cost): number | null =>
  rows.some((row) => (row[key] ?? null) === null) ? null : meanOf(rows, key);

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
