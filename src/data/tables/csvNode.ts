import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { brief, UserError } from '../../graph/errors.ts';
import { type Columns, columnsOf, dialectOf, SAMPLE } from './csvColumns.ts';
import { findIndicators } from './csvIndicators.ts';
import { labelCells } from './csvLabels.ts';
import { CsvDamage, csvRows } from './csvRows.ts';
import type { Label } from '../layout.ts';
import type { Listing } from '../folders/listingNode.ts';
import { partOfWord } from '../folders/partNames.ts';
import type { Record } from '../record.ts';
import { readRegularFile } from '../regularFileNode.ts';
import { decodeText, EncodingError } from './textEncoding.ts';

/** Rows between two looks at the clock. */
const LOOK_EVERY = 4096;

/**
 * Images named by a CSV file: columns image_path and label (ids or names; empty: no label), and split where there is one; or,
 * without a header, path and label. Paths are relative to the file. Commas, semicolons, tabs, bars or blanks may stand between
 * cells (csvColumns.ts), and the text may be in any encoding that textEncoding.ts knows.
 * Our choice: the images have several classes each (multilabel) where the cells say so, see csvLabels.ts. An empty cell is then an
 * image of no class. Without a label column, two columns or more of 0 and 1 are classes, see csvIndicators.ts.
 * @param note told what was taken as what, where that can be read in two ways
 * @throws UserError that names the line.
 */
export async function readCsv(
  file: string,
  root: string,
  listing: Listing,
  note: (text: string) => void,
): Promise<Record[]> {
  const table = openTable(file, note);
  try {
    return await readRows(table, root, listing, note);
  } catch (error) {
    if (!(error instanceof CsvDamage)) throw error;
    throw new UserError(
      `${file}: wanted a CSV file with image_path and label, got a damaged one (${error.message}). Mend that line`,
    );
  }
}

/** A table whose rows are cut anew each time they are asked for: that is quick, and millions of them take much memory. */
interface Table {
  readonly file: string;
  readonly rows: () => Generator<string[]>;
}

function openTable(file: string, note: (text: string) => void): Table {
  try {
    const { text, note: how } = decodeText(readRegularFile(file));
    if (how !== undefined) note(`${file}: ${how}`);
    if (text.includes('\0')) throw new UserError(`${file}: wanted a CSV text file, got bytes that are no text`);
    const { delimiter, from } = dialectOf(text);
    return { file, rows: () => csvRows(text, delimiter, from) };
  } catch (error) {
    if (error instanceof EncodingError)
      throw new UserError(`${file}: wanted a CSV file in UTF-8, got ${error.message}. Save it as UTF-8`);
    if (!(error instanceof CsvDamage)) throw error;
    throw new UserError(
      `${file}: wanted a CSV file with image_path and label, got a damaged one (${error.message}). Mend that line`,
    );
  }
}

async function readRows(table: Table, root: string, listing: Listing, note: (text: string) => void): Promise<Record[]> {
  const { file } = table;
  const columns = columnsOf(file, take(table.rows(), SAMPLE));
  if (columns.note) note(columns.note);
  const labelOf = await labelReader(table, columns, listing, note);
  const locate = locator(file, root);
  const known = new Repeats(file);
  const parts = new Map<string, string>();
  let number = 0;
  for (const row of table.rows()) {
    if (++number <= columns.header) continue;
    const path = row[columns.path]?.trim();
    if (!path)
      throw new UserError(
        `${file}: row ${number}: wanted the path of an image, got nothing. Fill it in or delete the row`,
      );
    const word = columns.part === undefined ? '' : (row[columns.part]?.trim() ?? '');
    if (word !== '' && !parts.has(word)) parts.set(word, partName(file, word));
    known.add({ path: locate(path), label: labelOf(row, number), part: parts.get(word) }, number);
    if (number % LOOK_EVERY === 0) await listing.found(LOOK_EVERY);
  }
  await listing.found((number % LOOK_EVERY) - columns.header);
  return known.records;
}

function take<T>(values: Iterable<T>, most: number): T[] {
  const taken: T[] = [];
  for (const value of values) if (taken.push(value) === most) break;
  return taken;
}

/** How the label of a row is read: from its cell, from columns of 0 and 1, or not at all. */
async function labelReader(
  table: Table,
  { label, path, part, header, several }: Columns,
  listing: Listing,
  note: (text: string) => void,
): Promise<(row: readonly string[], number: number) => Label> {
  const { file } = table;
  if (label !== undefined) {
    const cell = (row: readonly string[]) => row[label]?.trim() ?? '';
    const different = new Set<string>();
    let number = 0;
    for (const row of table.rows()) {
      if (++number > header) different.add(cell(row));
      if (number % LOOK_EVERY === 0) await listing.pause();
    }
    const cells = labelCells(file, different, several);
    if (cells.note) note(cells.note);
    return (row, at) => cells.labelOf(cell(row), at);
  }
  const [first = []] = take(table.rows(), 1);
  const others = first.filter((name, at) => at !== path && at !== part && name.trim() !== '');
  if (header === 0 || others.length === 0) return () => undefined;
  const [, ...body] = table.rows();
  const indicators = findIndicators(file, first, body, [path, part]);
  if (indicators) {
    note(indicators.note);
    return indicators.classesOf;
  }
  note(
    `${file}: no column is called label, so its images have no classes; not read: ${brief(others.map((name) => name.trim()).join(', '), 300)}`,
  );
  return () => undefined;
}

/** Paths of a table as paths from the root. */
function locator(file: string, root: string): (path: string) => string {
  const folder = dirname(file);
  const beside = relative(root, folder) === '';
  return (path) => {
    const plain = beside && !isAbsolute(path) && !/(^|\/)\.{0,2}(\/|$)|\\/.test(path);
    // Of a million rows nearly all are plain: then nothing has to be resolved.
    if (plain && /^[\x20-\x7e]*$/.test(path)) return path;
    return asOnDisk(plain ? path : relative(root, isAbsolute(path) ? path : join(folder, path)), root);
  };
}

/** An accented letter is one code or two: a disk of a Macintosh has two, and a table that was written elsewhere has one. */
function asOnDisk(path: string, root: string): string {
  if (/^[\x20-\x7e]*$/.test(path) || existsSync(join(root, path))) return path;
  const forms = [path.normalize('NFC'), path.normalize('NFD')];
  return forms.find((form) => existsSync(join(root, form))) ?? path;
}

/** An image in two rows counts once (Our choice: else it may come into both parts of a split); its labels must agree. */
class Repeats {
  readonly records: Record[] = [];
  readonly #file: string;
  readonly #rows: number[] = [];
  readonly #first = new Map<string, number>();

  constructor(file: string) {
    this.#file = file;
  }

  add(record: Record, row: number): void {
    const before = this.#first.get(record.path);
    if (before !== undefined && this.#repeats(record, before, row)) return;
    if (before === undefined) this.#first.set(record.path, this.records.length);
    this.records.push(record);
    this.#rows.push(row);
  }

  #repeats({ path, label, part }: Record, before: number, row: number): boolean {
    const other = this.records[before]!;
    if (sameLabel(other.label, label)) return part === other.part;
    throw new UserError(
      `${this.#file}: rows ${this.#rows[before]} and ${row}: wanted one label for ${brief(path)}, got ${showLabel(other.label)} and ${showLabel(label)}. Keep one row; several classes stand in one cell: cat;dog`,
    );
  }
}

const showLabel = (label: Label): string => (label === undefined ? 'no class' : `"${brief([label].flat().join(';'))}"`);

const sameLabel = (a: Label, b: Label): boolean =>
  Array.isArray(a) && Array.isArray(b) ? [...a].sort().join('\0') === [...b].sort().join('\0') : a === b;

function partName(file: string, name: string): string {
  const part = partOfWord(name);
  if (part !== undefined) return part;
  throw new UserError(`${file}: split: wanted train, val or test, got "${brief(name)}"`);
}
