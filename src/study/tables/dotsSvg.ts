import { COLOURS } from '../../analysis/colours.ts';
import { shortNumber } from '../../analysis/lineChart.ts';
import { line, px, svgDocument, text, ticksBetween } from '../../analysis/svg.ts';
import { largest, smallest } from '../../graph/lists.ts';
import { costSvg } from './costSvg.ts';
import { curveSvg } from './curveSvg.ts';
import type { StudyReport } from './rows.ts';

interface DotRow {
  readonly name: string;
  readonly baseline: boolean;
  readonly mean: number;
  readonly sd: number;
  /** One a seed. */
  readonly values: readonly number[];
}

const [WIDTH, TOP, ROW, LETTER] = [760, 44, 26, 6.8];
/** Our choice: more rows are quicker read in the table. */
const MOST_ROWS = 60;
const LONGEST_NAME = 36;
/** Colour that the mean of the baseline alone has. */
export const BASELINE_LINE = COLOURS[1];

/**
 * The rows of the table as dots beside one another: each seed, their mean, and one standard deviation. '' for a study that has a
 * learning curve or lines over processor time, which show the same better, and for fewer than two rows.
 */
export function dotsSvg(report: StudyReport): string {
  const rows = dotRows(report);
  if (rows.length < 2 || rows.length > MOST_ROWS || curveSvg(report) + costSvg(report) !== '') return '';
  const left = 24 + LETTER * largest(rows.map(({ name }) => name.length));
  const levels = ticksBetween(smallest(rows.map(lowest)), largest(rows.map(highest)));
  const [from, to] = [levels[0]!, levels.at(-1)!];
  const x = (value: number) => left + ((value - from) / (to - from)) * (WIDTH - 24 - left);
  const bottom = TOP + ROW * rows.length;
  const baseline = rows.find((row) => row.baseline);
  return svgDocument(WIDTH, bottom + 48, `${report.metric} of each row`, [
    text(16, 22, `${report.metric} by ${openAxes(report).join(', ')}`, { size: 14, bold: true }),
    ...levels.flatMap((level) => [
      line(x(level), TOP, x(level), bottom, '#ddd'),
      text(x(level), bottom + 16, shortNumber(level), { anchor: 'middle', size: 11 }),
    ]),
    ...(baseline ? [line(x(baseline.mean), TOP, x(baseline.mean), bottom, BASELINE_LINE)] : []),
    ...rows.map((row, i) => drawn(row, left, TOP + ROW * (i + 0.5), x)),
    text((left + WIDTH - 24) / 2, bottom + 36, `${report.metric}, %`, { anchor: 'middle' }),
  ]);
}

const openAxes = ({ axes }: StudyReport): string[] => axes.filter(({ seed }) => !seed).map(({ name }) => name);

function dotRows(report: StudyReport): DotRow[] {
  const { table, runs, baseline } = report;
  const open = openAxes(report);
  return table.flatMap(({ labels, mean, sd }) => {
    if (mean === null || !Number.isFinite(mean)) return [];
    const own = runs.filter((run) => open.every((name) => run.labels[name] === labels[name]));
    return {
      name: shortened(open.map((name) => labels[name]).join(', ')),
      baseline: baseline !== null && open.length === 1 && labels[baseline.axis] === baseline.label,
      mean: 100 * mean,
      sd: 100 * (sd ?? 0),
      values: own.flatMap(({ last }) => (last === null ? [] : [100 * last])),
    };
  });
}

const shortened = (name: string): string => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name);
const lowest = ({ mean, sd, values }: DotRow): number => smallest([mean - sd, ...values]);
const highest = ({ mean, sd, values }: DotRow): number => largest([mean + sd, ...values]);

function drawn({ name, mean, sd, values }: DotRow, left: number, y: number, x: (value: number) => number): string {
  const seeds = values.map((value) => `<circle cx="${px(x(value))}" cy="${px(y)}" r="3" fill-opacity="0.35"/>`);
  return [
    text(left - 10, y + 4, name, { anchor: 'end' }),
    line(x(mean - sd), y, x(mean + sd), y, COLOURS[0], 1.8),
    `<g fill="${COLOURS[0]}">${seeds.join('')}<circle cx="${px(x(mean))}" cy="${px(y)}" r="5"/></g>`,
  ].join('');
}
