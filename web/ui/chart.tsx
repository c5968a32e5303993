import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { shortNumber } from '../../src/analysis/lineChart.ts';
import { aligned, type ChartLine, mergedXs } from './chartData.ts';
import { Table } from './table.tsx';
import { resolvedColours, themeChanges } from './theme.ts';

export type { ChartLine } from './chartData.ts';

export type Range = readonly [from: number, to: number];

export interface ChartProps {
  readonly title: string;
  readonly unit?: string;
  readonly xName?: string;
  readonly lines: readonly ChartLine[];
  readonly height?: number;
  /** All charts of one group have one crosshair. */
  readonly group?: string;
  /** The stretch that is shown; all where it is left out. */
  readonly range?: Range | undefined;
  /** Asked for another stretch by dragging, or for all by a double click. */
  readonly onRange?: (range: Range | null) => void;
}

/** Lines over a number, by uPlot on a canvas, with a legend and a table behind them. */
export function Chart(props: ChartProps) {
  const { title, lines, unit, height = 200 } = props;
  const shown = lines.filter(({ faint }) => !faint);
  return (
    <section class="card chart" aria-label={title}>
      <header>
        <h2>{title}</h2>
        {unit && <span class="soft small">{unit}</span>}
      </header>
      <Plot {...props} height={height} />
      <Legend lines={shown} />
      <Behind>{() => <ChartTable {...props} lines={shown} />}</Behind>
    </section>
  );
}

/** The table, made while somebody looks at it: of a dozen charts that are redrawn each is more work than the chart. */
function Behind({ children }: { readonly children: () => ComponentChildren }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {open && children()}
    </details>
  );
}

export const seriesColour = (index: number): string => `var(--series-${(index % 8) + 1})`;

/** The last value of each line beside its name. */
const Legend = ({ lines }: { readonly lines: readonly ChartLine[] }) => (
  <ul class="legend">
    {lines.map(({ name, colour, dashed, y }) => (
      <li key={name}>
        <span class={dashed ? 'swatch dashed' : 'swatch'} style={{ color: seriesColour(colour) }} />
        {name} <span class="soft">{shownValue(y.findLast((value) => value !== null))}</span>
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

function Plot(props: ChartProps) {
  const { lines, height = 200, group } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  // A chart that nobody sees is not drawn: of a run that is watched that is most of them, many times a minute.
  const visible = useRef(true);
  // Whatever changes between two drawings without a new chart is read from here.
  const latest = useRef(props);
  latest.current = props;
  // A chart is made anew where its lines are others, and only given new numbers where they are the same.
  const shape = JSON.stringify(
    lines.map(({ name, colour, dashed, faint, low }) => [name, colour, dashed, faint, !low]),
  );
  useEffect(() => {
    const element = place.current!;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(element, latest), aligned(latest.current.lines), element);
    };
    make();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    const refresh = () => plot.current?.setData(aligned(latest.current.lines));
    const watched = new IntersectionObserver(([entry]) => {
      visible.current = entry!.isIntersecting;
      if (visible.current) refresh();
    });
    watched.observe(element);
    addEventListener('beforeprint', refresh);
    const stop = themeChanges(make);
    return () => {
      stop();
      resized.disconnect();
      watched.disconnect();
      removeEventListener('beforeprint', refresh);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, height, group]);
  useEffect(() => {
    if (visible.current) plot.current?.setData(aligned(lines));
  });
  return <div class="plot" ref={place} aria-hidden="true" style={{ minHeight: `${height}px` }} />;
}

function options(element: HTMLElement, latest: { readonly current: ChartProps }): uPlot.Options {
  const { lines, height = 200, group, xName = 'step' } = latest.current;
  const colours = resolvedColours();
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = {
    stroke: colours.text,
    font,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
    values: (_: uPlot, ticks: number[]) => ticks.map(shortNumber),
  };
  const { series, bands } = drawn(lines, colours.series);
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: {
      ...(group === undefined ? {} : { sync: { key: group } }),
      drag: { x: true, y: false, setScale: false },
      points: { size: 7, fill: colours.surface },
    },
    scales: { x: { time: false, range: (_, low, high) => [...(latest.current.range ?? spread(low, high))] } },
    axes: [
      { ...axis, label: xName, labelSize: 14, labelFont: font, labelGap: 0, size: 26, grid: { show: false } },
      { ...axis, size: 50 },
    ],
    series: [{}, ...series],
    bands,
    hooks: {
      setSelect: [(chart) => select(chart, latest)],
      ready: [(chart) => chart.over.addEventListener('dblclick', () => latest.current.onRange?.(null))],
    },
  };
}

/** A single point stands in the middle. */
const spread = (low: number, high: number): [number, number] => (low === high ? [low - 1, high + 1] : [low, high]);

function select(chart: uPlot, latest: { readonly current: ChartProps }): void {
  const { left, width } = chart.select;
  if (width < 4) return;
  const [from, to] = [chart.posToVal(left, 'x'), chart.posToVal(left + width, 'x')];
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  latest.current.onRange?.([Math.floor(from), Math.ceil(to)]);
}

/** A line, and where it stands for stretches the band between their least and largest values. */
function drawn(lines: readonly ChartLine[], colours: readonly string[]) {
  const series: uPlot.Series[] = [];
  const bands: uPlot.Band[] = [];
  for (const { name, colour, dashed, faint, x, low } of lines) {
    const stroke = colours[colour % 8]!;
    const dots = { show: x.length < 30 && !faint, size: 5, fill: stroke };
    const dash = dashed ? { dash: [6, 4] } : {};
    series.push({
      label: name,
      stroke,
      width: faint ? 1 : 1.75,
      alpha: faint ? 0.3 : 1,
      spanGaps: true,
      points: dots,
      ...dash,
    });
    if (!low) continue;
    const edge = { label: name, stroke: 'transparent', width: 0, spanGaps: true, points: { show: false } };
    series.push({ ...edge }, { ...edge });
    bands.push({ series: [series.length, series.length - 1], fill: faded(stroke) });
  }
  return { series, bands };
}

/** `rgb(r, g, b)` as a veil. */
const faded = (colour: string): string => colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.14)');
