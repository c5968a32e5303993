import { quantity } from '../report/measures.ts';
import { fitted } from '../graph/fitted.ts';
import { largest } from '../graph/lists.ts';
import { shellWord } from '../graph/shellWord.ts';
import { printable, printableName } from '../graph/printable.ts';

/** Rows in aligned columns, two spaces between them; the last column is not padded. */
export function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(printableName));
  const columns = largest(
    rows.map((row) => row.length),
    0,
  );
  const widths = Array.from({ length: columns }, (_, i) => largest(rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)));
  return rows.map((row) => line(row).join('  ')).join('\n');
}

/** 0.9124 -> `91.24 %` */
export const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

export { quantity };

/** 22871040 -> `22.9 MB`; by powers of 1000. */
export const bytes = (value: number): string => `${quantity(value)}${value >= 1000 ? '' : ' '}B`;

export { shellWord };

/** The answer of a command. Everything else goes to stderr. Here and below: the only places that write to the terminal. */
export const print = (text: string): void => write(process.stdout, text);
export const printJson = (value: unknown): void => write(process.stdout, JSON.stringify(value, null, 2), false);
export const remark = (text: string): void => write(process.stderr, text);

/** On a terminal between words at its width; a file or a pipe gets each line whole. */
function write(stream: NodeJS.WriteStream, text: string, wraps = stream.isTTY): void {
  stream.write(`${wraps ? fitted(printable(text), stream.columns) : printable(text)}\n`);
}

/** A line of progress on a terminal, over the one before; `end` leaves it there. Without a terminal nothing. */
export function overwrite(line: string, end = false): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${printableName(line)}${end ? '\n' : ''}`);
}
