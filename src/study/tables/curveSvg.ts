import { lineChart } from '../../analysis/lineChart.ts';
import type { StudyReport, TableRow } from './rows.ts';

interface Point {
  readonly fraction: number;
  readonly mean: number;
  readonly sd: number;
}

/** The series of the learning curve: accuracy over `data.fraction`, a series for each combination of the other open axes. */
export function curveSeries({ table, axes }: StudyReport): Map<string, Point[]> {
  const axis = axes.find(({ fractions }) => fractions !== null);
  const series = new Map<string, Point[]>();
  if (!axis) return series;
  const others = axes.filter(({ name, seed }) => !seed && name !== axis.name).map(({ name }) => name);
  const nameOf = (row: TableRow) => others.map((name) => row.labels[name]).join(', ') || 'all runs';
  for (const row of table) {
    if (row.mean === null) continue;
    const fraction = axis.fractions![axis.labels.indexOf(row.labels[axis.name]!)]!;
    series.set(nameOf(row), [...(series.get(nameOf(row)) ?? []), { fraction, mean: row.mean, sd: row.sd ?? 0 }]);
  }
  for (const found of series.values()) found.sort((a, b) => a.fraction - b.fraction);
  return series;
}

/** The learning curve as SVG, bars of one standard deviation; '' without an axis over data.fraction. */
export function curveSvg(report: StudyReport): string {
  const series = curveSeries(report);
  const fractions = [...new Set([...series.values()].flat().map(({ fraction }) => fraction))].sort((a, b) => a - b);
  if (fractions.length < 2) return '';
  return lineChart({
    title: `${report.metric} over the share of the data`,
    xLabel: 'share of the training images (log scale)',
    yLabel: `${report.metric}, %`,
    width: 760,
    height: 400,
    logX: { marks: fractions, name: (fraction) => `${Number((100 * fraction).toPrecision(4))} %` },
    series: [...series].map(([name, found], i) => ({
      name,
      marks: true,
      // Series stand beside one another, so that no bar hides another.
      shift: 5 * (i - (series.size - 1) / 2),
      points: found.map(({ fraction, mean, sd }) => ({ x: fraction, y: 100 * mean, bar: 100 * sd })),
    })),
  });
}
