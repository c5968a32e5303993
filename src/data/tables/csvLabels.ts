import { brief, UserError } from '../../graph/errors.ts';
import type { Label } from '../layout.ts';

/** Our choice: what stands between the classes of one image. */
const SEPARATOR = /[;|]/;

/** How the cells of a label column are read. */
export interface LabelCells {
  readonly labelOf: (cell: string, row: number) => Label;
  readonly note?: string;
}

const one = (cell: string): Label => (cell === '' ? undefined : cell);

/**
 * Whether a cell has one class or several is told by the cells of all rows: several where one has `;` or `|` or is a list
 * (`['cat', 'dog']`). In a column that says by its name that it has several, a comma or blanks may stand between them, and an
 * empty cell is an image of no class; where no cell has several there, the images have one each.
 * @param cells every different cell of the column
 * @param named whether the column is called labels
 */
export function labelCells(file: string, cells: ReadonlySet<string>, named: boolean): LabelCells {
  const filled = [...cells].filter((cell) => cell !== '');
  if (filled.length === 0) return { labelOf: one };
  const where = `${file}: column of several classes`;
  if (filled.some((cell) => SEPARATOR.test(cell))) return { labelOf: listed(file, (cell) => cell.split(SEPARATOR)) };
  if (filled.some((cell) => /^\[.*\]$/.test(cell))) return { labelOf: listed(file, literals) };
  if (!named) return { labelOf: one };
  for (const [separator, word] of [
    [/,/, 'commas'],
    [/\s+/, 'blanks'],
  ] as const) {
    const example = filled.find((cell) => separator.test(cell));
    if (example !== undefined && partsStandAlone(filled, separator))
      return {
        labelOf: listed(file, (cell) => cell.split(separator)),
        note: `${where}: ${word} stand between them ("${brief(example)}")`,
      };
  }
  if (cells.has('')) return { labelOf: listed(file, (cell) => [cell]), note: `${where}: no cell has more than one` };
  return {
    labelOf: one,
    note: `${where}: each cell has one, so the images are taken to have one class each. For several an image, put ; between them in a cell (and at the end of one alone: cat;)`,
  };
}

/**
 * Whether the parts of cells are classes of their own: one of them is a cell by itself. Blanks are within names too ("polar
 * bear" beside "bear"), so there all must be, or be numbers, or a part must be written without blanks where one would have them
 * (frog_eye_leaf_spot).
 */
function partsStandAlone(filled: readonly string[], separator: RegExp): boolean {
  const alone = new Set(filled);
  const parts = filled
    .map((cell) => cell.split(separator).map((part) => part.trim()))
    .filter(({ length }) => length > 1);
  const all = parts.flat();
  if (all.every((part) => /^\d+$/.test(part))) return true;
  if (!all.some((part) => alone.has(part))) return false;
  return separator.test(' ') ? all.every((part) => alone.has(part)) || all.some((part) => part.includes('_')) : true;
}

/** The items of a list as Python or JSON writes it. */
const literals = (cell: string): string[] =>
  cell
    .replace(/^\[|\]$/g, '')
    .split(',')
    .map((item) => item.trim().replace(/^(['"])(.*)\1$/, '$2'));

function listed(file: string, split: (cell: string) => string[]) {
  return (cell: string, row: number): string[] => {
    const names = split(cell)
      .map((name) => name.trim())
      .filter((name) => name !== '');
    if (names.length < 2) return names;
    const seen = new Set<string>();
    const twice = names.find((name) => seen.size === seen.add(name).size);
    if (twice === undefined) return names;
    throw new UserError(`${file}: row ${row}: wanted each class once, got "${brief(twice)}" twice. Delete one of them`);
  };
}
