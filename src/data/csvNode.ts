import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { brief, UserError } from '../graph/errors.ts';
import { type Columns, columnsOf, dialectOf } from './csvColumns.ts';
import { findIndicators } from './csvIndicators.ts';
import { labelCells } from './csvLabels.ts';
import { CsvDamage, csvRows } from './csvRows.ts';
import type { Label } from './layout.ts';
import type { Listing } from './listingNode.ts';
import { partOfWord } from './partNames.ts';
import type { Record } from './record.ts';
import { readRegularFile } from './regularFileNode.ts';
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
  const rows = await parseRows(file, listing, note);
  const columns = columnsOf(file, rows);
  if (columns.note) note(columns.note);
  const body = columns.header === 0 ? rows : rows.slice(1);
  const labelOf = labelReader(file, rows[0]!, columns, body, note);
  const locate = locator(file, root);
  const records: Record[] = [];
  for (const [i, row] of body.entries()) {
    const number = i + 1 + columns.header;
    const path = row[columns.path]?.trim();
    if (!path)
      throw new UserError(
        `${file}: row ${number}: wanted the path of an image, got nothing. Fill it in or delete the row`,
      );
    const part = columns.part === undefined ? undefined : row[columns.part]?.trim() || undefined;
    records.push({ path: locate(path), label: labelOf(row, number), part: part && partName(file, part) });
    if (i % LOOK_EVERY === LOOK_EVERY - 1) await listing.found(LOOK_EVERY);
  }
  await listing.found(records.length % LOOK_EVERY);
  return withoutRepeats(file, records, columns.header);
}

async function parseRows(file: string, listing: Listing, note: (text: string) => void): Promise<string[][]> {
  try {
    const { text, note: how } = decodeText(readRegularFile(file));
    if (how !== undefined) note(`${file}: ${how}`);
    if (text.includes('\0')) throw new UserError(`${file}: wanted a CSV text file, got bytes that are no text`);
    const { delimiter, from } = dialectOf(text);
    const rows: string[][] = [];
    for (const row of csvRows(text, delimiter, from)) if (rows.push(row) % LOOK_EVERY === 0) await listing.pause();
    return rows;
  } catch (error) {
    if (error instanceof EncodingError)
      throw new UserError(`${file}: wanted a CSV file in UTF-8, got ${error.message}. Save it as UTF-8`);
    if (!(error instanceof CsvDamage)) throw error;
    throw new UserError(
      `${file}: wanted a CSV file with image_path and label, got a damaged one (${error.message}). Mend that line`,
    );
  }
}

/** How the label of a row is read: from its cell, from columns of 0 and 1, or not at all. */
function labelReader(
  file: string,
  first: readonly string[],
  columns: Columns,
  body: readonly string[][],
  note: (text: string) => void,
): (row: readonly string[], number: number) => Label {
  const { label, path, part } = columns;
  if (label === undefined) {
    const indicators = columns.header === 0 ? undefined : findIndicators(file, first, body, [path, part]);
    if (indicators) {
      note(indicators.note);
      return indicators.classesOf;
    }
    const others = first.filter((name, at) => at !== path && at !== part && name.trim() !== '');
    if (columns.header === 1 && others.length > 0)
      note(
        `${file}: no column is called label, so its images have no classes; not read: ${brief(others.map((name) => name.trim()).join(', '), 300)}`,
      );
    return () => undefined;
  }
  const cell = (row: readonly string[]) => row[label]?.trim() ?? '';
  const cells = labelCells(file, new Set(body.map(cell)), columns.several);
  if (cells.note) note(cells.note);
  return (row, number) => cells.labelOf(cell(row), number);
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
function withoutRepeats(file: string, records: readonly Record[], header: number): Record[] {
  const first = new Map<string, number>();
  const show = (label: Label) => (label === undefined ? 'no class' : `"${brief([label].flat().join(';'))}"`);
  const key = (label: Label) => (Array.isArray(label) ? JSON.stringify([...label].sort()) : label);
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

function partName(file: string, name: string): string {
  const part = partOfWord(name);
  if (part !== undefined) return part;
  throw new UserError(`${file}: split: wanted train, val or test, got "${brief(name)}"`);
}
