import { COLOURS } from './colours.ts';
import { PARTS, TOKENS } from './look.ts';
import { escapeText } from './svg.ts';

/** Pictures are files of their own with a white ground; on a page they take the colours of its theme. */
const SERIES = COLOURS.map(
  (colour, i) =>
    `svg [stroke="${colour}"]{stroke:var(--series-${i + 1})}svg [fill="${colour}"]{fill:var(--series-${i + 1})}`,
).join('\n');

const STYLE = `${TOKENS}${PARTS}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:var(--space-6) var(--space-4) var(--space-7);background:var(--bg);color:var(--text);font:var(--text-m)/1.5 var(--font);font-variant-numeric:tabular-nums}
h1{margin:0 0 var(--space-5);font-size:var(--text-xxl);font-weight:620;letter-spacing:-.015em;line-height:1.25;overflow-wrap:anywhere}
h2{margin:var(--space-7) 0 var(--space-3);font-size:var(--text-xl);font-weight:600;letter-spacing:-.01em}
a{color:var(--accent-text);text-underline-offset:.18em}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:var(--text-s)}
th,td{padding:.45rem var(--space-3);text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--text-soft);font-weight:550}tbody tr:last-child td{border-bottom:0}tbody tr:hover td{background:var(--sunken)}
.number{text-align:right;white-space:nowrap}
.matrix table{width:auto}.matrix th,.matrix td{border:0;vertical-align:middle}.matrix td{text-align:center}.matrix thead td{background:none}
.matrix th{max-width:none;white-space:normal}.matrix thead th{height:auto}.matrix thead th>span{max-height:none;margin:0 0 2px}
tr.noise td{color:var(--text-soft)}
svg{max-width:100%;height:auto;border:1px solid var(--line);border-radius:var(--radius)}
svg>rect[fill="#fff"]{fill:var(--surface)}svg text[fill="#222"]{fill:var(--text)}svg line[stroke="#222"]{stroke:var(--line-strong)}svg line[stroke="#ddd"]{stroke:var(--line)}
${SERIES}
.wide{margin:var(--space-3) 0;overflow-x:auto}.wide:has(>table){border:1px solid var(--line);border-radius:var(--radius);background:var(--surface)}
pre{margin:var(--space-3) 0;padding:var(--space-3) var(--space-4);border:1px solid var(--line);border-radius:var(--radius);background:var(--sunken);font:var(--text-s)/1.6 var(--mono);white-space:pre-wrap;overflow-wrap:anywhere}
code{font-family:var(--mono);font-size:.93em;overflow-wrap:anywhere}
.cards{display:flex;flex-wrap:wrap;gap:var(--space-4);align-items:flex-start}
.card{width:11.5rem;padding:var(--space-2);border:1px solid var(--line);border-radius:var(--radius);background:var(--surface);font-size:var(--text-s)}
.card img{width:100%;height:9rem;object-fit:contain;background:var(--sunken);border-radius:var(--radius-s);image-rendering:pixelated}.card p{margin:var(--space-1) 0;overflow-wrap:anywhere}
.charts{display:grid;gap:var(--space-4);grid-template-columns:repeat(auto-fill,minmax(min(100%,28rem),1fr));align-items:start}.charts svg{width:100%}
.note{color:var(--text-soft);font-size:var(--text-s)}
@media print{body{max-width:none;padding:0}.cards>*,tr{break-inside:avoid}}`;

/** Marks a page as ours, so that it may be written anew. */
export const GENERATOR = '<meta name="generator" content="understudy">';

/** A whole page that loads nothing; `body` is HTML. */
export function htmlPage(title: string, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">${GENERATOR}<meta name="viewport" content="width=device-width"><title>${escapeText(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escapeText(title)}</h1>
${inline(body.filter((part) => part !== '').join('\n'))}
</main></body></html>
`;
}

/** In a page SVG needs no name space, and so the page holds no address at all. */
const inline = (html: string): string => html.replaceAll(' xmlns="http://www.w3.org/2000/svg"', '');

/** What a cell shows: text, or text that leads to a file. */
export type Cell = string | Link;

export interface Link {
  readonly words: string;
  /** Folders and file seen from the page. Each part is encoded, so no name can lead to another place or run as a script. */
  readonly to: readonly string[];
}

/** A table of text and links, whatever characters they have; one attribute text a row where given. */
export function htmlTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  attributes?: readonly string[],
): string {
  // Numbers stand below each other, as in the studio's tables.
  const numbers = head.map((_, i) => rows.length > 0 && rows.every((row) => isNumber(row[i])));
  const line = (cells: readonly Cell[], tag: string) =>
    cells.map((cell, i) => `<${tag}${numbers[i] ? ' class="number"' : ''}>${shown(cell)}</${tag}>`).join('');
  const top = head.length === 0 ? '' : `<thead><tr>${line(head, 'th')}</tr></thead>`;
  return `<div class="wide"><table>${top}<tbody>
${rows.map((row, i) => `<tr${attributes?.[i] ?? ''}>${line(row, 'td')}</tr>`).join('\n')}
</tbody></table></div>`;
}

/** A measure, a count or nothing, with or without a unit. */
const isNumber = (cell: Cell | undefined): boolean =>
  typeof cell === 'string' && /^(?:[-+−]?[\d.,]+(?:e[-+]?\d+)?(?: ?(?:%|[kMG]?B|[kMG]|ms|s|nats))?|-|–|)$/.test(cell);

/** The values that are looked at first, each below its name. */
export const figures = (of: readonly (readonly [name: string, value: string, unit?: string])[]): string =>
  `<dl class="figures">${of
    .map(
      ([name, value, unit]) =>
        `<div><dt>${escapeText(name)}</dt><dd>${escapeText(value)}${unit === undefined ? '' : `<small>${escapeText(unit)}</small>`}</dd></div>`,
    )
    .join('')}</dl>`;

function shown(cell: Cell): string {
  if (typeof cell === 'string') return escapeText(cell);
  return `<a href="./${cell.to.map(encodeURIComponent).join('/')}">${escapeText(cell.words)}</a>`;
}

export const heading = (words: string): string => `<h2>${escapeText(words)}</h2>`;
export const note = (words: string): string => `<p class="note">${escapeText(words)}</p>`;
