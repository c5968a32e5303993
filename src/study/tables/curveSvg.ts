import { lineChart } from '../../analysis/lineChart.ts';
import type { StudyReport } from './rows.ts';
import { seriesOver } from './series.ts';

/** The learning curve as SVG: accuracy over `data.fraction`; '' without an axis over it. */
export function curveSvg(report: StudyReport): string {
  const axis = report.axes.find(({ fractions }) => fractions !== null);
  const series = seriesOver(report, axis, (at) => ({ x: axis!.fractions![at]! }));
  const fractions = [...new Set([...series.values()].flat().map(({ x }) => x))].sort((a, b) => a - b);
  if (fractions.length < 2) return '';
  return lineChart({
    title: `${report.metric} over the share of the data`,
    xLabel: 'share of the training images (log scale)',
    yLabel: `${report.metric}, %`,
    width: 760,
    height: 400,
    logX: { marks: fractions, name: (fraction) => `${Number((100 * fraction).toPrecision(4))} %` },
    // Series stand beside one another, so that no bar hides another.
    series: [...series].map(([name, points], i) => ({
      ...{ name, marks: true, points },
      shift: 5 * (i - (series.size - 1) / 2),
    })),
  });
}
