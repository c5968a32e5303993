/**
 * RFC 4180 text, with `\n` line ends: cells that hold a comma, a quote or a line break are quoted. A text that a spreadsheet would
 * compute (it begins with =, +, - or @) gets an apostrophe in front, which `parseCsv` takes away; numbers stay.
 */
export function formatCsv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(formatCell).join(',')}\n`).join('');
}

/** The rows of RFC 4180 text, with either line end. An unfinished last line counts as a row. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  // Each match is one cell and what ends it; the empty match at the very end of the text is no cell.
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    if (end === '' && row.length === 0 && !quoted && !plain) break;
    row.push(withoutApostrophe(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"')));
    if (end === ',') continue;
    rows.push(row);
    row = [];
    if (end === '') break;
  }
  return rows;
}

function formatCell(cell: string): string {
  const text = /^'*[=+\-@\t\r]/.test(cell) && !isNumber(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const isNumber = (cell: string): boolean => cell.trim() !== '' && !Number.isNaN(Number(cell));

const withoutApostrophe = (cell: string): string => (/^'+[=+\-@\t\r]/.test(cell) ? cell.slice(1) : cell);
