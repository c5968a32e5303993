import { viridis } from './colours.ts';
import { svgDocument, text } from './svg.ts';

/** A table of CKA with the names of its rows and columns. */
export interface CkaPicture {
  readonly rows: { readonly model: string; readonly layers: readonly string[] };
  readonly columns: { readonly model: string; readonly layers: readonly string[] };
  /** [row][column], about 0 to 1; null is not defined. */
  readonly values: readonly (readonly (number | null)[])[];
  readonly images: number;
}

const CELL = 40;
const BOX = { left: 110, top: 50, right: 90, bottom: 90 };

/** CKA as a heat map, the first layer of each model below and to the left. */
export function ckaSvg({ rows, columns, values, images }: CkaPicture): string {
  const [high, wide] = [rows.layers.length * CELL, columns.layers.length * CELL];
  const y = (row: number) => BOX.top + high - (row + 1) * CELL;
  const x = (column: number) => BOX.left + column * CELL;
  const title = `Linear CKA, unbiased (${images} images)`;
  const cells = values.flatMap((line, row) =>
    line.map((value, column) => cell(x(column), y(row), value, `${rows.layers[row]} - ${columns.layers[column]}`)),
  );
  const width = Math.max(BOX.left + wide + BOX.right, 420);
  const middle = { x: BOX.left + wide / 2, y: BOX.top + high / 2 };
  return svgDocument(width, BOX.top + high + BOX.bottom, title, [
    text(20, 28, title, { size: 15, bold: true }),
    ...cells,
    ...rows.layers.map((name, i) => text(BOX.left - 8, y(i) + CELL / 2 + 4, name, { anchor: 'end' })),
    ...columns.layers.map((name, i) =>
      text(x(i) + CELL / 2 + 4, BOX.top + high + 12, name, { anchor: 'end', rotate: -45 }),
    ),
    text(18, middle.y, shorten(rows.model, high / 7), { anchor: 'middle', rotate: -90, bold: true }),
    text(middle.x, BOX.top + high + 76, shorten(columns.model, 50), { anchor: 'middle', bold: true }),
    ...scale(BOX.left + wide + 24, BOX.top, high),
  ]);
}

function cell(x: number, y: number, value: number | null, names: string): string {
  const [r, g, b] = value === null ? [221, 221, 221] : viridis(value);
  const shown = value === null ? '-' : value.toFixed(2);
  const ink = value !== null && value < 0.6 ? '#fff' : '#111';
  return `<g><title>${names}: ${shown}</title><rect x="${x}" y="${y}" width="${CELL}" height="${CELL}" fill="rgb(${r},${g},${b})"/>${text(x + CELL / 2, y + CELL / 2 + 4, shown, { anchor: 'middle', size: 11, fill: ink })}</g>`;
}

/** The colours of 0 to 1. */
function scale(x: number, top: number, high: number): string[] {
  const steps = 50;
  const bars = Array.from({ length: steps }, (_, i) => {
    const [r, g, b] = viridis((i + 0.5) / steps);
    const at = top + high - ((i + 1) * high) / steps;
    return `<rect x="${x}" y="${at.toFixed(2)}" width="14" height="${(high / steps + 0.5).toFixed(2)}" fill="rgb(${r},${g},${b})"/>`;
  });
  return [...bars, text(x + 20, top + high, '0'), text(x + 20, top + high / 2 + 4, '0.5'), text(x + 20, top + 10, '1')];
}

const shorten = (name: string, most: number): string =>
  name.length <= most ? name : `...${name.slice(name.length - Math.max(8, Math.floor(most)))}`;
