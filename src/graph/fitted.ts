/** Our choice: narrower than this nothing is gained by breaking lines. */
const NARROWEST = 40;
/** Our choice: a last column with less room goes on below its row. */
const LEAST_ROOM = 24;

/**
 * A text whose lines are broken between words, so that none is wider than a terminal, which would break it anywhere. What goes on
 * stands below the last column of its row (after two spaces or more), or two spaces further in. A word that is too wide stays whole.
 * @param columns of the terminal; where it does not say, nothing is broken
 */
export function fitted(text: string, columns: number | undefined): string {
  if (columns === undefined || columns < NARROWEST) return text;
  return text
    .split('\n')
    .map((line) => fittedLine(line, columns))
    .join('\n');
}

function fittedLine(line: string, columns: number): string {
  if (line.length <= columns) return line;
  const column = /^.*\S {2,}(?=\S)/.exec(line)?.[0].length ?? 0;
  const own = /^ */.exec(line)![0].length + 2;
  const below = column > 0 && column <= columns - LEAST_ROOM;
  const indent = ' '.repeat(below ? column : own);
  const lines: string[] = [];
  let rest = line;
  while (rest.length > columns) {
    // A break in front of the indent would repeat the line for ever.
    const from = lines.length === 0 ? Math.max(below ? column : 0, own) : indent.length;
    const before = rest.lastIndexOf(' ', columns);
    const at = before > from ? before : rest.indexOf(' ', Math.max(columns, from));
    if (at < 0) break;
    lines.push(rest.slice(0, at).trimEnd());
    rest = indent + rest.slice(at + 1).trimStart();
  }
  return [...lines, rest].join('\n');
}
