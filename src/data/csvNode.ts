import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { brief, UserError } from '../graph/errors.ts';
import type { Record } from './record.ts';
import { findIndicators } from './csvIndicators.ts';
import { isImageName } from './imageNames.ts';
import type { Label } from './layout.ts';
import { unreadable } from './listingNode.ts';

const COLUMNS = {
  path: ['image_path', 'path', 'image', 'file', 'filename', 'file_name', 'filepath', 'file_path'],
  label: ['label', 'class', 'category', 'label_name', 'class_name', 'target'],
  labels: ['labels', 'classes', 'categories', 'tags'],
  part: ['split', 'part', 'subset'],
} as const;

/** Our choice: what stands between the classes of one image. */
const SEPARATOR = /[;|]/;

interface Columns {
  readonly path: number;
  readonly label: number | undefined;
  /** Whether the label column says by its name that it has several classes an image. */
  readonly several: boolean;
  readonly part: number | undefined;
  /** Rows before the first image. */
  readonly header: 0 | 1;
}

/** A record of more characters is taken for a quote that was never closed. */
const LONGEST_RECORD = 100_000;

/**
 * Images named by a CSV file: columns image_path and label (ids or names; empty: no label), and split where there is one; or,
 * without a header, path and label. Paths are relative to the file.
 * Our choice: the images have several classes each (multilabel) where the column is called labels, or where a cell has `;` or
 * `|` between classes. An empty cell is then an image of no class. Without a label column, two columns or more of 0 and 1 are
 * classes, see csvIndicators.ts.
 * @param note told what was taken as what, where that can be read in two ways
 * @throws UserError that names the line.
 */
export function readCsv(file: string, root: string, note: (text: string) => void = () => undefined): Record[] {
  const rows = parseRows(file);
  const columns = columnsOf(file, rows[0]);
  const body = rows.slice(columns.header);
  const cell = (row: readonly string[]) => (columns.label === undefined ? '' : (row[columns.label]?.trim() ?? ''));
  const bare = columns.header === 0 || columns.label !== undefined;
  const indicators = bare ? undefined : findIndicators(file, rows[0]!, body, [columns.path, columns.part]);
  if (indicators) note(indicators.note);
  const several = body.some((row) => cell(row) !== '' && (columns.several || SEPARATOR.test(cell(row))));
  const records = body.map((row, i): Record => {
    const path = row[columns.path]?.trim();
    if (!path)
      throw new UserError(
        `${file}: row ${i + 1 + columns.header}: wanted the path of an image, got nothing. Fill it in or delete the row`,
      );
    const found = isAbsolute(path) ? path : join(dirname(file), path);
    const one = () => (several ? classList(file, i + 1 + columns.header, cell(row)) : cell(row) || undefined);
    const label = indicators ? indicators.classesOf(row) : one();
    const part = columns.part === undefined ? undefined : row[columns.part]?.trim() || undefined;
    return { path: relative(root, found), label, part: partName(file, part) };
  });
  return withoutRepeats(file, records, columns.header);
}

function classList(file: string, row: number, cell: string): string[] {
  const names = cell
    .split(SEPARATOR)
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice === undefined) return names;
  throw new UserError(`${file}: row ${row}: wanted each class once, got "${brief(twice)}" twice. Delete one of them`);
}

/** An image in two rows counts once (Our choice: else it may come into both parts of a split); its labels must agree. */
function withoutRepeats(file: string, records: readonly Record[], header: number): Record[] {
  const first = new Map<string, number>();
  const show = (label: Label) => (label === undefined ? 'no class' : `"${brief([label].flat().join(';'))}"`);
  const key = (label: Label) => JSON.stringify(Array.isArray(label) ? [...label].sort() : (label ?? null));
  return records.filter(({ path, label, part }, i) => {
    const before = first.get(path);
    if (before === undefined) return first.set(path, i);
    const other = records[before]!;
    if (key(other.label) === key(label)) return part !== other.part;
    throw new UserError(
      `${file}: rows ${before + 1 + header} and ${i + 1 + header}: wanted one label for ${brief(path)}, got ${show(other.label)} and ${show(label)}. Keep one row; several classes stand in one cell: cat;dog`,
    );
  });
}

function parseRows(file: string): string[][] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
  if (text.includes('\0')) throw new UserError(`${file}: wanted a CSV text file, got bytes that are no text`);
  try {
    return parse(text, {
      bom: true,
      skip_empty_lines: true,
      relax_column_count: true,
      relax_quotes: true,
      max_record_size: LONGEST_RECORD,
    }) as string[][];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UserError(
      `${file}: wanted a CSV file with image_path and label, got a damaged one (${brief(error.message, 300)}). Mend that line`,
    );
  }
}

function columnsOf(file: string, first: readonly string[] | undefined): Columns {
  if (!first) throw new UserError(`${file}: wanted a CSV file with image_path and label, got an empty file`);
  const names = first.map((name) => name.trim().toLowerCase());
  const find = (wanted: readonly string[]) => {
    const at = wanted.map((name) => names.indexOf(name)).find((i) => i >= 0);
    return at;
  };
  const path = find(COLUMNS.path);
  if (path !== undefined) {
    const [one, labels] = [find(COLUMNS.label), find(COLUMNS.labels)];
    const several = one === undefined && labels !== undefined;
    return { path, label: one ?? labels, several, part: find(COLUMNS.part), header: 1 };
  }
  const bare = first.findIndex((field) => isImageName(field.trim()));
  if (bare === 0)
    return { path: 0, label: first.length > 1 ? 1 : undefined, several: false, part: undefined, header: 0 };
  throw new UserError(
    `${file}: wanted a column ${COLUMNS.path.join(', ')} for the image and ${COLUMNS.label.join(', ')} for its class (or labels for several), got ${brief(names.slice(0, 8).join(', '), 300)}. Rename the columns`,
  );
}

function partName(file: string, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const part =
    { training: 'train', testing: 'test', validation: 'val', valid: 'val' }[name.toLowerCase()] ?? name.toLowerCase();
  if (['train', 'val', 'dev', 'test'].includes(part)) return part;
  throw new UserError(`${file}: split: wanted train, val or test, got "${brief(name)}"`);
}
