import { COLOURS } from '../../analysis/colours.ts';
import { lineChart } from '../../analysis/lineChart.ts';
import { largest, smallest } from '../../graph/lists.ts';
import type { StudyReport } from './rows.ts';
import { seriesOver } from './series.ts';

/** Accuracy over processor time as SVG, where values of an axis are points of lines; '' where no line has two. */
export function costSvg(report: StudyReport): string {
  const axis = report.axes.find(({ lines }) => lines !== undefined);
  const series = seriesOver(report, axis, (at, { cpuSeconds }) => {
    const line = axis!.lines![at] ?? null;
    return line === null || cpuSeconds === null ? null : { x: cpuSeconds, line };
  });
  if (![...series.values()].some(({ length }) => length > 1)) return '';
  return lineChart({
    title: `${report.metric} over processor time`,
    xLabel: 'processor seconds of a run (log scale)',
    yLabel: `${report.metric}, %`,
    width: 760,
    height: 400,
    logX: { marks: marksAround([...series.values()].flat().map(({ x }) => x)), name: String },
    // The colours are used again.
    series: [...series].map(([name, points], i) => ({ name, marks: true, points, dashed: i >= COLOURS.length })),
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
