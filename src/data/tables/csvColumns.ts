import { brief, UserError } from '../../graph/errors.ts';
import { csvRows } from './csvRows.ts';
import { isImageName } from '../images/imageNames.ts';

const COLUMNS = {
  path: ['image_path', 'path', 'image', 'file', 'filename', 'file_name', 'filepath', 'file_path'],
  label: ['label', 'class', 'category', 'label_name', 'class_name', 'target'],
  labels: ['labels', 'classes', 'categories', 'tags'],
  part: ['split', 'part', 'subset', 'partition', 'usage'],
} as const;

export interface Columns {
  readonly path: number;
  readonly label: number | undefined;
  /** Whether the label column says by its name that it has several classes an image. */
  readonly several: boolean;
  readonly part: number | undefined;
  /** Rows before the first image. */
  readonly header: 0 | 1;
  /** What was taken as what, where the names of the columns do not say it. */
  readonly note?: string | undefined;
}

/** A table that is not one of images, as far as can be seen. */
export class NoImageColumn extends UserError {}

/** How the rows of a text are cut. */
export interface Dialect {
  readonly delimiter: string;
  /** Where the first row begins. */
  readonly from: number;
}

/** Tried in this order; of equals the first is taken. */
const DELIMITERS = [',', ';', '\t', '|'] as const;
/** Rows that are looked at. */
export const SAMPLE = 20;

/**
 * The delimiter of a table: the one by which there is a column for the image, by its name or by its cells, and more columns
 * beside it. A first line `sep=;`, which Excel writes, says it. Blanks are one where nothing else gives a picture.
 */
export function dialectOf(text: string): Dialect {
  const said = /^sep=(.)\r?\n/.exec(text);
  if (said) return { delimiter: said[1]!, from: said[0].length };
  const worth = (delimiter: string) => worthOf(sample(text, delimiter));
  const worths = DELIMITERS.map((delimiter) => ({ delimiter, worth: worth(delimiter) }));
  const best = worths.sort((a, b) => b.worth - a.worth)[0]!;
  if (best.worth > 0) return { delimiter: best.delimiter, from: 0 };
  if (worth(' ') > 0) return { delimiter: ' ', from: 0 };
  // No column of images whatever is between them: a message shows the columns that most likely are meant.
  const columns = DELIMITERS.map((delimiter) => ({ delimiter, count: sample(text, delimiter)[0]?.length ?? 0 }));
  return { delimiter: columns.sort((a, b) => b.count - a.count)[0]!.delimiter, from: 0 };
}

function sample(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  for (const row of csvRows(text, delimiter)) if (rows.push(row) === SAMPLE) break;
  return rows;
}

/** 0: no column of images; more for columns beside it, and for one that is called so. */
function worthOf(rows: readonly (readonly string[])[]): number {
  const [first] = rows;
  if (!first) return 0;
  const several = first.length > 1 ? 2 : 0;
  if (find(namesOf(first), COLUMNS.path) !== undefined) return 2 + several;
  const images = imageColumn(rows.slice(0, 1)) ?? imageColumn(rows.slice(1));
  return images === undefined ? 0 : 1 + several;
}

const namesOf = (row: readonly string[]): string[] => row.map((name) => name.trim().toLowerCase());

function find(names: readonly string[], wanted: readonly string[]): number | undefined {
  return wanted.map((name) => names.indexOf(name)).find((i) => i >= 0);
}

/** The first column whose cells are all names of images. */
function imageColumn(rows: readonly (readonly string[])[]): number | undefined {
  if (rows.length === 0) return undefined;
  const at = rows[0]!.findIndex((_, i) => rows.every((row) => isImageName(row[i]?.trim() ?? '')));
  return at < 0 ? undefined : at;
}

/** Which column is what: by the names of the first row, else by which cells are names of images. */
export function columnsOf(file: string, rows: readonly (readonly string[])[]): Columns {
  const [first] = rows;
  if (!first) throw new UserError(`${file}: wanted a CSV file with image_path and label, got an empty file`);
  const names = namesOf(first);
  const path = find(names, COLUMNS.path);
  if (path !== undefined) return { path, ...labelOf(names), part: find(names, COLUMNS.part), header: 1 };
  const bare = imageColumn(rows.slice(0, 1));
  if (bare !== undefined) return byPlace(first.length, bare);
  const shown = brief(first.slice(0, 8).join(', '), 300);
  const named = imageColumn(rows.slice(1, SAMPLE));
  if (named === undefined)
    throw new NoImageColumn(
      `${file}: wanted a column ${COLUMNS.path.join(', ')} for the image and ${COLUMNS.label.join(', ')} for its class (or labels for several), got ${shown.toLowerCase()}. Rename the columns`,
    );
  return byCells(file, first, names, named);
}

function labelOf(names: readonly string[]): Pick<Columns, 'label' | 'several' | 'note'> {
  const [one, labels] = [find(names, COLUMNS.label), find(names, COLUMNS.labels)];
  return { label: one ?? labels, several: one === undefined && labels !== undefined };
}

/** Without a header: the class stands behind the image, or before it where nothing is behind. */
function byPlace(columns: number, path: number): Columns {
  const label = path + 1 < columns ? path + 1 : path > 0 ? path - 1 : undefined;
  return { path, label, several: false, part: undefined, header: 0 };
}

/** A header in other words: the column of image names is the image, and the only other one its class. */
function byCells(file: string, first: readonly string[], names: readonly string[], path: number): Columns {
  const part = find(names, COLUMNS.part);
  const rest = names.flatMap((name, at) => (at === path || at === part || name === '' ? [] : [at]));
  const known = labelOf(names);
  if (known.label === undefined && rest.length > 1)
    throw new UserError(
      `${file}: wanted a column ${COLUMNS.label.join(', ')} for the class of an image (or labels for several), got ${brief(rest.map((at) => first[at]!.trim()).join(', '), 300)}. Rename the column that holds the class to label`,
    );
  const label = known.label ?? rest[0];
  const said = [`column "${brief(first[path]!.trim())}" is taken for the image`];
  if (known.label === undefined && label !== undefined) said.push(`"${brief(first[label]!.trim())}" for its class`);
  return { path, label, several: known.several, part, header: 1, note: `${file}: ${said.join(', ')}` };
}
