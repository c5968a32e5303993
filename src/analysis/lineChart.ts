import { COLOURS } from './colours.ts';
import { line, px, svgDocument, text, ticksBetween } from './svg.ts';

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  /** Half the length of an error bar. */
  readonly bar?: number;
}

export interface ChartSeries {
  readonly name: string;
  readonly points: readonly ChartPoint[];
  readonly dashed?: boolean;
  /** A mark at each point. */
  readonly marks?: boolean;
  /** Pixels that the series is moved to the right, so that no bar hides another. */
  readonly shift?: number;
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly ChartSeries[];
  /** Logarithmic axis; the marks are the given ones. */
  readonly logX?: { readonly marks: readonly number[]; readonly name: (value: number) => string };
  /** Ends of the x axis; default: the values. */
  readonly xRange?: readonly [number, number];
  /** Ends of the y axis; default: the values. */
  readonly yRange?: readonly [number, number];
  readonly width?: number;
  readonly height?: number;
  /** Drawn under the series, such as a diagonal. */
  readonly below?: (x: (value: number) => number, y: (value: number) => number) => readonly string[];
}

const BOX = { left: 66, right: 16, top: 40, bottom: 46 };
const LEGEND_ROW = 18;

/** Lines over an axis, with the legend below; values that are not finite break no line and are left out. */
export function lineChart({ title, width = 520, height = 280, series, ...chart }: LineChart): string {
  // A series keeps its colour in all charts, also where another one has no values.
  const shown = series
    .map((one, i) => ({ ...one, colour: colourOf(i), points: one.points.filter(isFinitePoint) }))
    .filter(({ points }) => points.length > 0);
  const all = shown.flatMap(({ points }) => points);
  if (all.length === 0) return '';
  const [right, bottom] = [width - BOX.right, height - BOX.bottom];
  const xs = chart.logX ? chart.logX.marks.map(Math.log) : (chart.xRange ?? all.map((point) => point.x));
  const pad = chart.logX ? 15 : 0;
  const scaleX = scale([least(xs), most(xs)], BOX.left + pad, right - pad);
  const x = chart.logX ? (value: number) => scaleX(Math.log(value)) : scaleX;
  const levels = ticksBetween(...(chart.yRange ?? rangeOf(all)));
  const y = scale([levels[0]!, levels.at(-1)!], bottom, BOX.top);
  const marksX = chart.logX ? chart.logX.marks : ticksBetween(least(xs), most(xs)).filter(within(xs));
  const nameX = chart.logX?.name ?? shortNumber;
  return svgDocument(width, height + LEGEND_ROW * shown.length, title, [
    text(BOX.left, 22, title, { size: 14, bold: true }),
    ...levels.flatMap((level) => [
      line(BOX.left, y(level), right, y(level), '#ddd'),
      text(BOX.left - 6, y(level) + 4, shortNumber(level), { anchor: 'end', size: 11 }),
    ]),
    line(BOX.left, bottom, right, bottom),
    ...marksX.map((mark) => text(x(mark), bottom + 16, nameX(mark), { anchor: 'middle', size: 11 })),
    text((BOX.left + right) / 2, bottom + 34, chart.xLabel, { anchor: 'middle' }),
    text(14, (BOX.top + bottom) / 2, chart.yLabel, { anchor: 'middle', rotate: -90 }),
    ...(chart.below?.(x, y) ?? []),
    ...shown.map((one) => drawn(one, one.colour, x, y)),
    ...shown.flatMap(({ name, dashed, colour }, i) => legend(name, colour, dashed, height + LEGEND_ROW * i)),
  ]);
}

const colourOf = (index: number): string => COLOURS[index % COLOURS.length]!;

function drawn(
  { points, dashed, marks, shift = 0 }: ChartSeries,
  colour: string,
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const at = points.map((point) => ({ ...point, x: px(x(point.x) + shift), y: px(y(point.y)), value: point.y }));
  const path = at.map((point) => `${point.x},${point.y}`).join(' ');
  const bars = at.flatMap(({ x: here, value, bar }) =>
    bar ? [`<line x1="${here}" x2="${here}" y1="${px(y(value - bar))}" y2="${px(y(value + bar))}"/>`] : [],
  );
  const dots =
    marks || points.length === 1
      ? at.map((point) => `<circle cx="${point.x}" cy="${point.y}" r="3" fill="${colour}"/>`)
      : [];
  const dash = dashed ? ' stroke-dasharray="5 4"' : '';
  return `<g stroke="${colour}" fill="none" stroke-width="1.8"><polyline points="${path}"${dash}/>${[...bars, ...dots].join('')}</g>`;
}

function legend(name: string, colour: string, dashed: boolean | undefined, y: number): string[] {
  const dash = dashed ? ' stroke-dasharray="5 4"' : '';
  return [
    `<line x1="${BOX.left}" x2="${BOX.left + 22}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2.5"${dash}/>`,
    text(BOX.left + 30, y + 4, name),
  ];
}

function rangeOf(points: readonly ChartPoint[]): [number, number] {
  const lows = points.map(({ y, bar = 0 }) => y - bar);
  const highs = points.map(({ y, bar = 0 }) => y + bar);
  return [least(lows), most(highs)];
}

const isFinitePoint = ({ x, y }: ChartPoint): boolean => Number.isFinite(x) && Number.isFinite(y);
const within = (xs: readonly number[]) => (value: number) => value >= least(xs) && value <= most(xs);
// Math.min(...values) overflows the stack for a hundred thousand steps.
const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);

function scale([from, to]: readonly [number, number], low: number, high: number) {
  // A single value stands in the middle.
  if (from === to) return () => (low + high) / 2;
  return (value: number) => low + ((value - from) / (to - from)) * (high - low);
}

/** 0.0012 -> `0.0012`, 1e-6 -> `1e-6`, 20000 -> `20k`. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`;
  if (size > 0 && size < 1e-3) return Number(value.toPrecision(3)).toExponential();
  return String(Number(value.toPrecision(4)));
}
