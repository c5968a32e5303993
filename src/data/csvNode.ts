import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { UserError } from '../graph/errors.ts';
import type { Record } from './archivesNode.ts';
import { unreadable } from './folderNode.ts';
import { isImageName } from './imageNames.ts';

const COLUMNS = {
  path: ['image_path', 'path', 'image', 'file', 'filename', 'file_name', 'filepath', 'file_path'],
  label: ['label', 'class', 'category', 'label_name', 'class_name', 'target'],
  part: ['split', 'part', 'subset'],
} as const;

interface Columns {
  readonly path: number;
  readonly label: number | undefined;
  readonly part: number | undefined;
  /** Rows before the first image. */
  readonly header: 0 | 1;
}

/** A record of more characters is taken for a quote that was never closed. */
const LONGEST_RECORD = 100_000;

/**
 * Images named by a CSV file: columns image_path and label (ids or names; empty: no label), and split where there is one; or,
 * without a header, path and label. Paths are relative to the file.
 * @throws UserError that names the line.
 */
export function readCsv(file: string, root: string): Record[] {
  const rows = parseRows(file);
  const columns = columnsOf(file, rows[0]);
  return rows.slice(columns.header).map((row, i) => {
    const path = row[columns.path]?.trim();
    if (!path)
      throw new UserError(
        `${file}: row ${i + 1 + columns.header}: wanted the path of an image, got nothing. Fill it in or delete the row`,
      );
    const found = isAbsolute(path) ? path : join(dirname(file), path);
    const field = (at: number | undefined) => (at === undefined ? undefined : row[at]?.trim() || undefined);
    return { path: relative(root, found), label: field(columns.label), part: partName(file, field(columns.part)) };
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
      `${file}: wanted a CSV file with image_path and label, got a damaged one (${error.message}). Mend that line`,
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
  if (path !== undefined) return { path, label: find(COLUMNS.label), part: find(COLUMNS.part), header: 1 };
  const bare = first.findIndex((field) => isImageName(field.trim()));
  if (bare === 0) return { path: 0, label: first.length > 1 ? 1 : undefined, part: undefined, header: 0 };
  throw new UserError(
    `${file}: wanted a column ${COLUMNS.path.join(', ')} for the image and ${COLUMNS.label.join(', ')} for its class, got ${names.slice(0, 8).join(', ')}. Rename the columns`,
  );
}

function partName(file: string, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const part =
    { training: 'train', testing: 'test', validation: 'val', valid: 'val' }[name.toLowerCase()] ?? name.toLowerCase();
  if (['train', 'val', 'dev', 'test'].includes(part)) return part;
  throw new UserError(`${file}: split: wanted train, val or test, got "${name}"`);
}
