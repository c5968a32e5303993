import { metricNames, PANELS, type Panel } from '../../src/report/curves.ts';
import type { MetricRow } from '../../src/train/loggers/metricRow.ts';
import { Chart, type ChartLine, type Range } from '../ui/chart.tsx';
import { smoothed } from '../ui/chartData.ts';
import type { LiveCurve, LiveCurves } from './useCurves.ts';

/** A run as the charts show it. */
export interface DrawnRun {
  readonly name: string;
  readonly colour: number;
  readonly curves: LiveCurves;
}

interface PanelsProps {
  readonly runs: readonly DrawnRun[];
  /** Weight of what came before, 0 to below 1. */
  readonly smooth: number;
  readonly range: Range | undefined;
  readonly onRange: (range: Range | null) => void;
}

/** Metrics that are drawn as they are: of an evaluation each point counts. */
const isSmoothed = (metric: string): boolean => /^(train|profiling)\//.test(metric) && metric !== 'train/lr';

/** The charts of report.html, alive. Of one run a chart has its metrics; of several each metric has a chart, with a line a run. */
export function Panels({ runs, ...props }: PanelsProps) {
  const [only] = runs;
  const charts =
    runs.length === 1 ? PANELS.flatMap((panel) => ofOne(panel, only!, props.smooth)) : ofSeveral(runs, props.smooth);
  return (
    <div class="charts">
      {charts.map(({ title, unit, lines }) => (
        <Chart
          key={title}
          title={title}
          unit={unit}
          lines={lines}
          group="run"
          range={props.range}
          onRange={props.onRange}
        />
      ))}
    </div>
  );
}

interface Drawn {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly ChartLine[];
}

function ofOne(panel: Panel, { curves }: DrawnRun, smooth: number): Drawn[] {
  const names = namesIn([curves], panel);
  if (names.length === 0) return [];
  const lines = names.flatMap((name, i) =>
    linesOf(shortName(name, names.length), i, name, curves.get(name)!, panel, smooth),
  );
  return [{ title: panel.title, unit: panel.yLabel, lines }];
}

function ofSeveral(runs: readonly DrawnRun[], smooth: number): Drawn[] {
  return PANELS.flatMap((panel) =>
    namesIn(
      runs.map(({ curves }) => curves),
      panel,
    ).map((metric) => ({
      title: metric,
      unit: panel.yLabel,
      lines: runs.flatMap(({ name, colour, curves }) => {
        const curve = curves.get(metric);
        return curve ? linesOf(name, colour, metric, curve, panel, smooth) : [];
      }),
    })),
  );
}

const namesIn = (all: readonly LiveCurves[], { pattern }: Panel): string[] =>
  metricNames(
    all.map((curves) => Object.fromEntries([...curves.keys()].map((name) => [name, 0])) as unknown as MetricRow),
    pattern,
  );

const shortName = (metric: string, of: number): string =>
  of === 1 ? metric : metric.replace(/^train\/loss_|^val\/attention_distance_|^ledger\/|_share$|^balance\//g, '');

/** The curve itself; where it is smoothed, it stays as a veil below. */
function linesOf(
  name: string,
  colour: number,
  metric: string,
  { x, y, low, high }: LiveCurve,
  { percent }: Panel,
  smooth: number,
): ChartLine[] {
  const scaled = (values: readonly (number | null)[]) =>
    percent ? values.map((value) => (value === null ? null : 100 * value)) : values;
  const dashed = /^(teacher\/|val_ema\/)/.test(metric);
  const plain = { name, colour, dashed, x, y: scaled(y) };
  if (smooth > 0 && isSmoothed(metric))
    return [
      { ...plain, faint: true },
      { ...plain, y: smoothed(plain.y, smooth) },
    ];
  return [low && high ? { ...plain, low: scaled(low), high: scaled(high) } : plain];
}
