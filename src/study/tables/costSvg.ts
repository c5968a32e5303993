import { COLOURS } from '../../analysis/colours.ts';
import { lineChart } from '../../analysis/lineChart.ts';
import { largest, smallest } from '../../graph/lists.ts';
import type { StudyReport } from './rows.ts';

interface Point {
  /** Processor seconds of a run. */
  readonly seconds: number;
  readonly mean: number;
  readonly sd: number;
}

/** The points of each line of a study, in the order of their cost; of other open axes each combination has lines of its own. */
export function costSeries({ table, axes }: StudyReport): Map<string, Point[]> {
  const axis = axes.find(({ lines }) => lines !== undefined);
  const series = new Map<string, Point[]>();
  if (!axis) return series;
  const others = axes.filter(({ name, seed }) => !seed && name !== axis.name).map(({ name }) => name);
  for (const { labels, mean, sd, cpuSeconds } of table) {
    const line = axis.lines![axis.labels.indexOf(labels[axis.name]!)] ?? null;
    if (line === null || mean === null || cpuSeconds === null) continue;
    const name = [line, ...others.map((other) => labels[other]!)].join(', ');
    series.set(name, [...(series.get(name) ?? []), { seconds: cpuSeconds, mean, sd: sd ?? 0 }]);
  }
  for (const found of series.values()) found.sort((a, b) => a.seconds - b.seconds);
  return series;
}

/** Accuracy over processor time as SVG, bars of one standard deviation; '' where no line has two points. */
export function costSvg(report: StudyReport): string {
  const series = costSeries(report);
  if (![...series.values()].some(({ length }) => length > 1)) return '';
  const seconds = [...series.values()].flat().map((point) => point.seconds);
  return lineChart({
    title: `${report.metric} over processor time`,
    xLabel: 'processor seconds of a run (log scale)',
    yLabel: `${report.metric}, %`,
    width: 760,
    height: 400,
    logX: { marks: marksAround(seconds), name: String },
    series: [...series].map(([name, found], i) => ({
      name,
      marks: true,
      // The colours are used again.
      dashed: i >= COLOURS.length,
      points: found.map((point) => ({ x: point.seconds, y: 100 * point.mean, bar: 100 * point.sd })),
    })),
  });
}

/** 1, 2, 5, 10, ... from the last one below all values to the first one above them. */
function marksAround(values: readonly number[]): number[] {
  const [low, high] = [smallest(values), largest(values)];
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const powers = Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
  const marks = powers.flatMap((power) => [1, 2, 5].map((digit) => Number((digit * power).toPrecision(1))));
  const from = marks.findLastIndex((mark) => mark <= low);
  const to = marks.findIndex((mark) => mark >= high);
  return marks.slice(Math.max(0, from), to + 1);
}
