import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { shortNumber } from '../../src/analysis/lineChart.ts';
import { Table } from './table.tsx';
import { resolvedColours, themeChanges } from './theme.ts';

export interface ChartLine {
  readonly name: string;
  /** Index into the eight colours of series; a thing keeps its colour in all charts. */
  readonly colour: number;
  readonly dashed?: boolean;
  /** Drawn thin and pale, under the others: what was smoothed. */
  readonly faint?: boolean;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
}

export interface ChartProps {
  readonly title: string;
  readonly unit?: string;
  readonly xName?: string;
  readonly lines: readonly ChartLine[];
  readonly height?: number;
  /** All charts of one group have one crosshair and one zoom. */
  readonly group?: string;
  /** Called with the stretch that is shown, or null for all. */
  readonly onZoom?: (range: readonly [number, number] | null) => void;
  readonly percent?: boolean;
}

/** Lines over a number, by uPlot on a canvas, with a legend and a table behind them. Double-click shows all again. */
export function Chart(props: ChartProps) {
  const { title, lines, unit, height = 220 } = props;
  const shown = lines.filter(({ faint }) => !faint);
  return (
    <section class="card chart" aria-label={title}>
      <header>
        <h3>{title}</h3>
        {unit && <span class="soft small">{unit}</span>}
      </header>
      <Plot {...props} height={height} />
      {shown.length > 1 && <Legend lines={shown} />}
      <details>
        <summary>As a table</summary>
        <ChartTable {...props} lines={shown} />
      </details>
    </section>
  );
}

const Legend = ({ lines }: { readonly lines: readonly ChartLine[] }) => (
  <ul class="legend">
    {lines.map(({ name, colour }) => (
      <li key={name}>
        <span class="swatch" style={{ color: `var(--series-${(colour % 8) + 1})` }} />
        {name}
      </li>
    ))}
  </ul>
);

/** At most 200 rows: evenly spaced ones of a long run. */
function ChartTable({ title, lines, xName = 'step' }: ChartProps) {
  const xs = mergedXs(lines);
  const every = Math.max(1, Math.ceil(xs.length / 200));
  const at = lines.map(({ x, y }) => new Map(x.map((step, i) => [step, y[i] ?? null])));
  const rows = xs.filter((_, i) => i % every === 0 || i === xs.length - 1);
  return (
    <Table
      caption={`${title}, as a table`}
      rows={rows}
      keyOf={(x) => x}
      columns={[
        { key: 'x', name: xName, number: true, cell: (x) => String(x) },
        ...lines.map(({ name }, i) => ({
          key: `${i}`,
          name,
          number: true,
          cell: (x: number) => shownValue(at[i]!.get(x)),
        })),
      ]}
    />
  );
}

const shownValue = (value: number | null | undefined): string =>
  value === null || value === undefined ? '-' : shortNumber(value);

function Plot({ lines, height = 220, group, onZoom, xName = 'step' }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoom = useRef(onZoom);
  zoom.current = onZoom;
  // The chart is made anew where its lines are others, and only given new numbers where they are the same.
  const shape = JSON.stringify(lines.map(({ name, colour, dashed, faint }) => [name, colour, dashed, faint]));
  const data = aligned(lines);
  const latest = useRef(data);
  latest.current = data;
  // `shape` stands for the lines.
  useEffect(() => {
    const element = place.current!;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(
        options(element, lines, height, group, xName, (range) => zoom.current?.(range)),
        latest.current,
        element,
      );
    };
    make();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const stop = themeChanges(make);
    return () => {
      stop();
      resized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, height, group]);
  useEffect(() => plot.current?.setData(data, !isZoomed(plot.current)));
  return <div class="plot" ref={place} aria-hidden="true" />;
}

const isZoomed = ({ scales, data }: uPlot): boolean => {
  const [{ min, max }, xs] = [scales.x!, data[0]];
  return min != null && max != null && (min > xs[0]! || max < xs.at(-1)! - 1e-9) && zoomed.has(scales);
};

/** Charts that somebody has zoomed: new numbers leave their stretch alone. */
const zoomed = new WeakSet<object>();

function options(
  element: HTMLElement,
  lines: readonly ChartLine[],
  height: number,
  group: string | undefined,
  xName: string,
  onZoom: (range: readonly [number, number] | null) => void,
): uPlot.Options {
  const { series, text, line, surface } = resolvedColours();
  const axis = { stroke: text, font: '11px system-ui', grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: {
      ...(group === undefined ? {} : { sync: { key: group } }),
      drag: { x: true, y: false },
      points: { size: 7, fill: surface },
    },
    scales: { x: { time: false } },
    axes: [
      {
        ...axis,
        label: xName,
        labelSize: 16,
        labelFont: '11px system-ui',
        size: 28,
        values: (_, ticks) => ticks.map(shortNumber),
      },
      { ...axis, size: 52, values: (_, ticks) => ticks.map(shortNumber) },
    ],
    series: [
      {},
      ...lines.map(({ name, colour, dashed, faint, x }) => ({
        label: name,
        stroke: series[colour % 8]!,
        width: faint ? 1 : 1.75,
        alpha: faint ? 0.28 : 1,
        spanGaps: true,
        points: { show: x.length < 30 && !faint, size: 5 },
        ...(dashed ? { dash: [6, 4] } : {}),
      })),
    ],
    hooks: {
      setSelect: [
        (chart) => {
          if (chart.select.width < 2) return;
          zoomed.add(chart.scales);
          onZoom([chart.posToVal(chart.select.left, 'x'), chart.posToVal(chart.select.left + chart.select.width, 'x')]);
        },
      ],
      ready: [
        (chart) =>
          chart.over.addEventListener('dblclick', () => {
            zoomed.delete(chart.scales);
            onZoom(null);
          }),
      ],
    },
  };
}

/** uPlot wants one x for all lines. */
function aligned(lines: readonly ChartLine[]): uPlot.AlignedData {
  if (lines.length === 1) return [[...lines[0]!.x], [...lines[0]!.y]];
  const xs = mergedXs(lines);
  const index = new Map(xs.map((x, i) => [x, i]));
  const rows = lines.map(({ x, y }) => {
    const row: (number | null | undefined)[] = new Array(xs.length).fill(undefined);
    for (let i = 0; i < x.length; i++) row[index.get(x[i]!)!] = y[i];
    return row;
  });
  return [xs, ...rows] as uPlot.AlignedData;
}

function mergedXs(lines: readonly ChartLine[]): number[] {
  const all = new Set<number>();
  for (const { x } of lines) for (const value of x) all.add(value);
  return [...all].sort((a, b) => a - b);
}
