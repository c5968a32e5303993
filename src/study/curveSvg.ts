import { escapeText, px } from '../analysis/svg.ts';
import { points } from './reportCells.ts';
import type { StudyReport, TableRow } from './report.ts';

const [WIDTH, HEIGHT] = [760, 400];
const BOX = { left: 60, right: 190, top: 20, bottom: 50 };
/** Okabe and Ito's colours, which the colour-blind can tell apart. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8a8a00', '#7f7f7f'];

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
  const all = [...series.values()].flat();
  const fractions = [...new Set(all.map(({ fraction }) => fraction))].sort((a, b) => a - b);
  if (fractions.length < 2) return '';
  const x = scale(Math.log(fractions[0]!), Math.log(fractions.at(-1)!), BOX.left + 15, WIDTH - BOX.right - 15);
  const low = Math.min(...all.map(({ mean, sd }) => mean - sd));
  const high = Math.max(...all.map(({ mean, sd }) => mean + sd));
  const y = scale(low, high === low ? low + 0.01 : high, HEIGHT - BOX.bottom - 10, BOX.top + 10);
  const at = (fraction: number) => x(Math.log(fraction));
  // Series stand beside one another, so that no bar hides another.
  const beside = (i: number) => (fraction: number) => at(fraction) + 5 * (i - (series.size - 1) / 2);
  const lines = [...series].map(([name, found], i) => seriesSvg(name, found, i, beside(i), y));
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(report.metric)} over the share of the data">`,
    frame(report.metric, fractions, at, [low, (low + high) / 2, high], y),
    ...lines,
    '</svg>',
  ].join('\n');
}

function frame(
  metric: string,
  fractions: readonly number[],
  x: (fraction: number) => number,
  levels: readonly number[],
  y: (value: number) => number,
): string {
  const [bottom, right] = [HEIGHT - BOX.bottom, WIDTH - BOX.right];
  const ticksX = fractions.map(
    (f) => `<text x="${px(x(f))}" y="${bottom + 18}" text-anchor="middle">${Number((100 * f).toPrecision(4))} %</text>`,
  );
  const ticksY = levels.map(
    (v) =>
      `<line class="grid" x1="${BOX.left}" x2="${right}" y1="${px(y(v))}" y2="${px(y(v))}"/><text x="${BOX.left - 6}" y="${px(y(v) + 4)}" text-anchor="end">${points(v)}</text>`,
  );
  return [
    ...ticksY,
    `<line class="axis" x1="${BOX.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
    ...ticksX,
    `<text x="${(BOX.left + right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">share of the training images (log scale)</text>`,
    `<text x="14" y="${HEIGHT / 2}" transform="rotate(-90 14 ${HEIGHT / 2})" text-anchor="middle">${escapeText(metric)}, %</text>`,
  ].join('\n');
}

function seriesSvg(
  name: string,
  found: readonly Point[],
  index: number,
  x: (fraction: number) => number,
  y: (value: number) => number,
): string {
  const colour = COLOURS[index % COLOURS.length]!;
  const path = found.map(({ fraction, mean }) => `${px(x(fraction))},${px(y(mean))}`).join(' ');
  const marks = found.map(
    ({ fraction, mean, sd }) =>
      `<line x1="${px(x(fraction))}" x2="${px(x(fraction))}" y1="${px(y(mean - sd))}" y2="${px(y(mean + sd))}"/><circle cx="${px(x(fraction))}" cy="${px(y(mean))}" r="3.5" fill="${colour}"/>`,
  );
  const legend = BOX.top + 12 + 20 * index;
  return `<g stroke="${colour}" fill="none" stroke-width="2"><polyline points="${path}"/>${marks.join('')}<line x1="${WIDTH - BOX.right + 12}" x2="${WIDTH - BOX.right + 34}" y1="${legend - 4}" y2="${legend - 4}"/></g><text x="${WIDTH - BOX.right + 40}" y="${legend}">${escapeText(name)}</text>`;
}

const scale = (from: number, to: number, low: number, high: number) => (value: number) =>
  low + ((value - from) / (to - from)) * (high - low);
