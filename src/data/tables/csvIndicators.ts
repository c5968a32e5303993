import { brief, UserError } from '../../graph/errors.ts';

/** Columns that are a class each: 1 where an image has it, 0 where not. */
export interface Indicators {
  /** The classes of a row. */
  readonly classesOf: (row: readonly string[]) => string[];
  /** What was taken as what. */
  readonly note: string;
}

/** Names that a message shows. */
const SHOWN = 8;

/**
 * The class columns of a CSV file that has no label column. Our choice: there must be two or more whose cells are all 0 or 1; a
 * column in which most cells are and one is not is taken for a slip, and refused with its row.
 * @param taken columns that are something else: path and split
 */
export function findIndicators(
  file: string,
  header: readonly string[],
  body: readonly (readonly string[])[],
  taken: readonly (number | undefined)[],
): Indicators | undefined {
  const columns = header
    .map((name, at) => ({ name: name.trim(), at }))
    // A column without a name is the row number that pandas writes.
    .filter(({ name, at }) => name !== '' && !taken.includes(at))
    .map((column) => ({ ...column, right: body.filter((row) => isBit(row[column.at])).length }));
  const found = columns.filter(({ right }) => right === body.length);
  if (body.length === 0 || found.length < 2) return undefined;
  const slip = columns.find(({ right }) => right < body.length && right > body.length / 2);
  if (slip) {
    const row = body.findIndex((cells) => !isBit(cells[slip.at]));
    throw new UserError(
      `${file}: row ${row + 2}: wanted 0 or 1 in column "${brief(slip.name)}", as in its other rows, got "${brief(body[row]![slip.at] ?? '')}". Mend it, or delete the column if it is no class`,
    );
  }
  const seen = new Set<string>();
  const twice = found.find(({ name }) => seen.size === seen.add(name).size);
  if (twice)
    throw new UserError(
      `${file}: wanted a name of its own for each class column, got "${brief(twice.name)}" twice. Rename one`,
    );
  const used = found.filter(({ at }) => body.some((row) => row[at]!.trim() === '1'));
  const parts = [
    `${file}: ${found.length} columns of 0 and 1 are taken as classes, several an image: ${few(found)}`,
    used.length < found.length && `no image has ${few(without(found, used))}, left out`,
    found.length < columns.length && `not taken: ${few(without(columns, found))}`,
  ];
  return {
    classesOf: (row) => used.filter(({ at }) => row[at]!.trim() === '1').map(({ name }) => name),
    note: parts.filter(Boolean).join('; '),
  };
}

const isBit = (cell: string | undefined): boolean => cell !== undefined && /^\s*[01]\s*$/.test(cell);

function few(columns: readonly { readonly name: string }[]): string {
  const names = columns.slice(0, SHOWN).map(({ name }) => brief(name));
  return columns.length > SHOWN ? `${names.join(', ')} and ${columns.length - SHOWN} more` : names.join(', ');
}

function without<T>(all: readonly T[], some: readonly T[]): T[] {
  const out = new Set(some);
  return all.filter((one) => !out.has(one));
}
