import { formatDuration } from '../../train/loggers/progressLine.ts';
import { quantity } from '../../report/measures.ts';
import type { PairedDifference, StudyReport, TableRow } from './rows.ts';

/** The table as text: a heading and a row for each combination, in percent and percentage points. */
export function tableCells({ table, axes, baseline, metric }: StudyReport): { head: string[]; rows: string[][] } {
  const names = axes.filter(({ seed }) => !seed).map(({ name }) => name);
  const students = studentsDiffer(table);
  const several = comparedWithSeveral(table);
  const difference = several ? ['compared with', 'difference'] : [`difference to ${baseline?.label}`];
  const against = baseline === null ? [] : [...difference, '95 % interval', ''];
  return {
    head: [
      ...names,
      `${metric} %`,
      'sd',
      'n',
      ...against,
      'time',
      'images seen',
      ...(students ? ['parameters', 'MACs', 'ms an image'] : []),
    ],
    rows: table.map((row) => [
      ...names.map((name) => row.labels[name]!),
      row.mean === null ? '-' : points(row.mean),
      row.sd === null ? '-' : points(row.sd),
      row.n === row.planned ? String(row.n) : `${row.n} of ${row.planned}`,
      ...(baseline !== null && several ? [row.against ?? ''] : []),
      ...(baseline === null ? [] : differenceCells(row, row.labels[baseline.axis] === baseline.label)),
      row.seconds === null ? '-' : formatDuration(row.seconds),
      row.imagesSeen === null ? '-' : String(Math.round(row.imagesSeen)),
      ...(students ? studentCells(row) : []),
    ]),
  };
}

/** Whether not all rows are compared with one. Rows of older reports do not say with which. */
export const comparedWithSeveral = (table: readonly TableRow[]): boolean =>
  new Set(table.flatMap(({ against }) => against ?? [])).size > 1;

/** Whether a row's student is another one than the others': then what it costs stands beside what it reaches. */
function studentsDiffer(table: readonly TableRow[]): boolean {
  const known = table.filter(({ parameters, macs }) => (parameters ?? macs ?? null) !== null);
  return new Set(known.map(({ parameters, macs }) => `${parameters} ${macs}`)).size > 1;
}

/** Parameters, multiply-accumulates and latency; those of a report of an older version are not all known. */
export function studentCells({ parameters, macs, latencyMs }: Pick<TableRow, 'parameters' | 'macs' | 'latencyMs'>) {
  const shown = (value: number | null | undefined) => (value === null || value === undefined ? '-' : quantity(value));
  return [shown(parameters), shown(macs), (latencyMs ?? null) === null ? '-' : latencyMs!.toPrecision(3)];
}

function differenceCells(row: TableRow, isBaseline: boolean): string[] {
  const { difference } = row;
  if (isBaseline) return ['', '', 'baseline'];
  if (difference === null) return ['-', '-', ''];
  const { mean, interval } = difference;
  const range = interval === null ? '-' : `${signed(interval[0])} to ${signed(interval[1])}`;
  return [signed(mean), range, verdict(difference, row)];
}

/** What a difference says, in words; '' where its interval says all. */
export function verdict(
  { n, mean, insideNoise }: PairedDifference,
  { n: finished, expected }: Pick<TableRow, 'n' | 'expected'>,
): string {
  const pairs = n === finished ? '' : ` (${n} pair${n === 1 ? '' : 's'})`;
  if (insideNoise === null) return `one seed: no interval${pairs}`;
  if (insideNoise) return `inside the noise${pairs}`;
  if (expected === null) return pairs.trim();
  return `${mean > 0 === (expected === 'above') ? 'as expected' : 'against what was expected'}${pairs}`;
}

/** What the numbers mean, so that nobody reads more out of them than they hold. */
export function tableNotes({ metric, baseline, axes, table }: StudyReport): string[] {
  const found = table.flatMap(({ difference }) => (difference?.interval ? [difference] : []));
  const overImages = found.length > 0 && found.every((difference) => difference.overImages);
  const seeds = axes.filter(({ seed }) => seed).map(({ name }) => name);
  return [
    `${metric} is that of the last evaluation, not of the best one; mean and standard deviation (sd) over ${seeds.join(' and ') || 'one run each'}.`,
    ...(baseline === null
      ? []
      : [
          overImages
            ? 'Differences are paired: same seed, same data, same images. Intervals are over new seeds and new validation images together, 95 % each, not corrected for their number.'
            : 'Differences are paired: same seed, same data. Intervals are Student-t over the seeds, 95 % each, not corrected for their number; all runs share the validation images, whose own chance is not in them.',
        ]),
  ];
}

export const points = (share: number): string => (100 * share).toFixed(2);
/** In percentage points. */
export const signed = (share: number): string => `${share < 0 ? '-' : '+'}${Math.abs(100 * share).toFixed(2)}`;
