import { largest } from '../graph/lists.ts';
import { COLOURS } from './colours.ts';
import { line, px, svgDocument, text, ticks } from './svg.ts';

/** A model's mean attention distances. */
export interface DistanceSeries {
  readonly name: string;
  /** [layer][head], in pixels of the input. */
  readonly heads: readonly (readonly number[])[];
  /** [layer] */
  readonly mean: readonly number[];
}

const BOX = { left: 64, top: 48, height: 300, bottom: 60, right: 24 };

/** Attention distance over layers: one dot a head, the mean as a line; several models in one picture. */
export function distanceSvg(series: readonly DistanceSeries[], images: number): string {
  const layers = largest(series.map(({ mean }) => mean.length));
  const width = BOX.left + BOX.right + Math.max(440, 44 * layers);
  const plot = width - BOX.left - BOX.right;
  const bottom = BOX.top + BOX.height;
  const levels = ticks(largest(series.flatMap(({ heads }) => heads.flat())));
  const x = (layer: number) => BOX.left + ((layer + 0.5) * plot) / layers;
  const y = (value: number) => bottom - (value / levels.at(-1)!) * BOX.height;
  const title = `Mean attention distance of each head (${images} images)`;
  return svgDocument(width, bottom + BOX.bottom + 20 * series.length, title, [
    text(20, 28, title, { size: 15, bold: true }),
    ...levels.flatMap((level) => [
      line(BOX.left, y(level), width - BOX.right, y(level), level === 0 ? '#222' : '#ddd'),
      text(BOX.left - 8, y(level) + 4, String(level), { anchor: 'end' }),
    ]),
    ...Array.from({ length: layers }, (_, i) => text(x(i), bottom + 18, String(i), { anchor: 'middle' })),
    text(BOX.left + plot / 2, bottom + 38, 'block', { anchor: 'middle' }),
    text(18, BOX.top + BOX.height / 2, 'distance / px of the input', { anchor: 'middle', rotate: -90 }),
    ...series.map((one, i) => seriesSvg(one, COLOURS[i % COLOURS.length]!, series.length === 1 ? 0 : 12 * i - 6, x, y)),
    ...series.flatMap(({ name }, i) => [
      `<circle cx="${BOX.left + 8}" cy="${bottom + 56 + 20 * i}" r="4" fill="${COLOURS[i % COLOURS.length]}"/>`,
      text(BOX.left + 20, bottom + 60 + 20 * i, `${name}: one dot a head, line = mean of the heads`),
    ]),
  ]);
}

function seriesSvg(
  { heads, mean }: DistanceSeries,
  colour: string,
  shift: number,
  x: (layer: number) => number,
  y: (value: number) => number,
): string {
  const dots = heads.flatMap((values, layer) =>
    values.map(
      (value) =>
        `<circle cx="${px(x(layer) + shift)}" cy="${px(y(value))}" r="4" fill="${colour}" fill-opacity="0.55"><title>${value.toFixed(2)} px</title></circle>`,
    ),
  );
  const path = mean.map((value, layer) => `${px(x(layer) + shift)},${px(y(value))}`).join(' ');
  return `<g>${dots.join('')}<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/></g>`;
}
