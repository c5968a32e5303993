import type { ChartPoint } from '../../analysis/lineChart.ts';
import type { StudyAxis } from '../plan.ts';
import type { StudyReport, TableRow } from './rows.ts';

/** Where a row stands in a figure, and the line that it is a point of, where its axis has several. */
interface Place {
  readonly x: number;
  readonly line?: string;
}

/**
 * The rows of a study's table as lines over what an axis varies, each in the order of x, in percent with bars of one standard deviation:
 * a line for each combination of the other open axes. `place` is asked with the number of the axis's value; null leaves a row out.
 */
export function seriesOver(
  { table, axes }: StudyReport,
  axis: StudyAxis | undefined,
  place: (at: number, row: TableRow) => Place | null,
): Map<string, ChartPoint[]> {
  const series = new Map<string, ChartPoint[]>();
  if (!axis) return series;
  const others = axes.filter(({ name, seed }) => !seed && name !== axis.name).map(({ name }) => name);
  for (const row of table) {
    const found = row.mean === null ? null : place(axis.labels.indexOf(row.labels[axis.name]!), row);
    if (!found) continue;
    const name = [...(found.line ? [found.line] : []), ...others.map((other) => row.labels[other]!)].join(', ');
    const point = { x: found.x, y: 100 * row.mean!, bar: 100 * (row.sd ?? 0) };
    series.set(name || 'all runs', [...(series.get(name || 'all runs') ?? []), point]);
  }
  for (const points of series.values()) points.sort((a, b) => a.x - b.x);
  return series;
}
