import { heatCell, heatScale } from './heatMap.ts';
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
    line.map((value, column) => {
      const shown = value === null ? '-' : value.toFixed(2);
      const title = `${rows.layers[row]} - ${columns.layers[column]}: ${shown}`;
      return heatCell({ x: x(column), y: y(row), size: CELL, value, shown, title });
    }),
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
    ...heatScale(BOX.left + wide + 24, BOX.top, high),
  ]);
}

const shorten = (name: string, most: number): string =>
  name.length <= most ? name : `...${name.slice(name.length - Math.max(8, Math.floor(most)))}`;
