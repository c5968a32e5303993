import { type ChartPoint, type ChartSeries, lineChart } from '../analysis/lineChart.ts';
import type { MetricRow } from '../train/loggers/metricRow.ts';

/** Points of a curve at most: more than a screen can show, few enough for a small page. */
const MOST_POINTS = 400;

/** A run's metrics by name. */
export interface NamedRows {
  readonly name: string;
  readonly rows: readonly MetricRow[];
}

/** A metric over the steps; of long runs the mean over stretches of equal length. */
export function curveOf(rows: readonly MetricRow[], metric: string): ChartPoint[] {
  const points = rows.flatMap((row) => {
    const value = row[metric];
    return typeof value === 'number' ? [{ x: row.step, y: value }] : [];
  });
  if (points.length <= MOST_POINTS) return points;
  const size = points.length / MOST_POINTS;
  return Array.from({ length: MOST_POINTS }, (_, i) => {
    const part = points.slice(Math.floor(i * size), Math.floor((i + 1) * size));
    const mean = (of: (point: ChartPoint) => number) => part.reduce((sum, point) => sum + of(point), 0) / part.length;
    return { x: mean((point) => point.x), y: mean((point) => point.y) };
  });
}

/** The names of metrics in rows that match, in the order of their first appearance. */
export function metricNames(rows: readonly MetricRow[], pattern: RegExp): string[] {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) if (pattern.test(name)) names.add(name);
  return [...names];
}

export interface Panel {
  readonly title: string;
  readonly pattern: RegExp;
  readonly yLabel: string;
  readonly percent?: boolean;
}

/** The charts of a run, each of the metrics that its pattern takes. A new metric of a kind appears by its name alone. */
export const PANELS: readonly Panel[] = [
  { title: 'Loss', pattern: /^(train|val|val_ema)\/loss$/, yLabel: 'loss' },
  { title: 'Terms of the loss, as weighted in it', pattern: /^train\/loss_/, yLabel: 'loss' },
  {
    title: 'On the validation images',
    pattern:
      /^((val|val_ema)\/(top\d+|class_head_top1|map|micro_f1|macro_f1|teacher_agreement|neighbour_agreement|knn_top1|probe_top1)|teacher\/(top1|map|knn_top1|probe_top1))$/,
    yLabel: '%',
    percent: true,
  },
  { title: 'Effective rank of the embedding', pattern: /^(val|val_ema)\/effective_rank$/, yLabel: 'directions' },
  { title: 'KL(teacher || student)', pattern: /^(val|val_ema)\/teacher_kl$/, yLabel: 'nats' },
  { title: 'Expected calibration error', pattern: /^(val|val_ema)\/ece$/, yLabel: '%', percent: true },
  { title: 'Share of each term in the gradient', pattern: /^ledger\/.*_share$/, yLabel: '%', percent: true },
  { title: 'Cosine between the gradients of two terms', pattern: /^ledger\/.*_cosine$/, yLabel: 'cosine' },
  { title: 'Shares of balanced terms', pattern: /^balance\/.*(?<!_count)$/, yLabel: 'share' },
  { title: 'Learning rate', pattern: /^train\/lr$/, yLabel: 'learning rate' },
  { title: 'Norm of the gradient', pattern: /^train\/grad_norm$/, yLabel: 'norm, before clipping' },
  { title: 'Time spent waiting for data', pattern: /^profiling\/data_wait$/, yLabel: '%', percent: true },
  { title: 'Speed', pattern: /^train\/images_per_sec$/, yLabel: 'images a second' },
  { title: 'Attention distance', pattern: /^val\/attention_distance_layer\d+$/, yLabel: 'pixels of the input' },
];

/** All charts of one run that it has numbers for. */
export function runCharts({ rows }: NamedRows): string[] {
  return PANELS.flatMap(({ title, pattern, yLabel, percent }) => {
    const names = metricNames(rows, pattern);
    if (names.length === 0) return [];
    const series = names.map((name) => seriesOf(rows, name, name.replace(/^val\/attention_distance_/, ''), percent));
    return [lineChart({ title, xLabel: 'step', yLabel, series })].filter((svg) => svg !== '');
  });
}

/** A chart for each metric that at least one run has, with a line a run. */
export function comparedCharts(runs: readonly NamedRows[]): string[] {
  const rows = runs.flatMap((run) => run.rows);
  return PANELS.filter(({ pattern }) => !/_share|_cosine|balance|layer/.test(pattern.source)).flatMap(
    ({ pattern, yLabel, percent }) =>
      metricNames(rows, pattern)
        .filter((metric) => !metric.startsWith('train/loss_'))
        .map((metric) => {
          const series = runs.map((run) => seriesOf(run.rows, metric, run.name, percent));
          return lineChart({ title: metric, xLabel: 'step', yLabel, series });
        })
        .filter((svg) => svg !== ''),
  );
}

function seriesOf(rows: readonly MetricRow[], metric: string, name: string, percent: boolean | undefined): ChartSeries {
  const factor = percent ? 100 : 1;
  const points = curveOf(rows, metric).map(({ x, y }) => ({ x, y: factor * y }));
  return { name, points, dashed: /^(teacher\/|val_ema\/)/.test(metric), marks: points.length < 30 };
}
