/** A record of more characters is taken for a quote that was never closed. */
const LONGEST_RECORD = 100_000;

/** What is wrong with a table, in words. */
export class CsvDamage extends Error {}

/**
 * The rows of a table (RFC 4180, with any delimiter and any line end). Empty lines are left out; rows may be of different
 * lengths. A quote within a field, or text after the quote that closes one, is text: real tables have both.
 * Rows without quotes, which are nearly all, are cut by the delimiter alone: a million of them take a fraction of a second.
 * @throws CsvDamage
 */
export function* csvRows(text: string, delimiter: string, from = 0): Generator<string[]> {
  const newline = text.includes('\n') ? '\n' : '\r';
  for (let at = from; at < text.length; ) {
    const end = text.indexOf(newline, at);
    const line = text.slice(at, end < 0 ? text.length : end);
    if (line.includes('"')) {
      const { cells, next } = quotedRow(text, at, delimiter, newline);
      yield cells;
      at = next;
      continue;
    }
    const bare = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (bare.length > LONGEST_RECORD) throw damage(text, at, `a row of ${bare.length} characters`);
    if (bare !== '') yield bare.split(delimiter);
    if (end < 0) return;
    at = end + 1;
  }
}

interface Row {
  readonly cells: string[];
  /** Where the next row begins. */
  readonly next: number;
}

function quotedRow(text: string, start: number, delimiter: string, newline: string): Row {
  const cells: string[] = [];
  for (let at = start; ; ) {
    const quoted = text[at] === '"' ? quotedField(text, at, delimiter, newline, start) : undefined;
    const end = quoted?.end ?? fieldEnd(text, at, delimiter, newline);
    cells.push(quoted?.value ?? text.slice(at, end));
    if (end >= text.length || text[end] === newline) {
      // The carriage return of \r\n belongs to the line's end.
      const last = cells.length - 1;
      if (cells[last]!.endsWith('\r') && newline === '\n') cells[last] = cells[last]!.slice(0, -1);
      return { cells, next: end + 1 };
    }
    at = end + 1;
  }
}

function fieldEnd(text: string, at: number, delimiter: string, newline: string): number {
  const line = text.indexOf(newline, at);
  const end = line < 0 ? text.length : line;
  // Within the line: a search of the whole text for a delimiter that it lacks would be done again for each row.
  const comma = text.slice(at, end).indexOf(delimiter);
  return comma >= 0 ? at + comma : end;
}

/** A field in quotes; undefined where text follows the closing quote, so that the quotes are text too. */
function quotedField(text: string, at: number, delimiter: string, newline: string, start: number) {
  let close = at + 1;
  for (; ; close += 2) {
    close = text.indexOf('"', close);
    if (close < 0 || close - start > LONGEST_RECORD) throw damage(text, start, 'a quote that is not closed');
    if (text[close + 1] !== '"') break;
  }
  const end = text[close + 1] === '\r' && newline === '\n' ? close + 2 : close + 1;
  const after = text[end];
  if (after !== undefined && after !== delimiter && after !== newline) return undefined;
  return { value: text.slice(at + 1, close).replaceAll('""', '"'), end };
}

function damage(text: string, at: number, what: string): CsvDamage {
  return new CsvDamage(`${what} in line ${text.slice(0, at).split(/\r\n|\n|\r/).length}`);
}
