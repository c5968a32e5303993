import { escapeText } from './svg.ts';

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.2rem;border-bottom:1px solid #8884}table{border-collapse:collapse;margin:1rem 0}
th,td{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #8884;vertical-align:top}
td{font-variant-numeric:tabular-nums}tr.noise td{opacity:.65}svg{max-width:100%;height:auto;border-radius:6px}
.wide{overflow-x:auto}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#8881;padding:.8rem;border-radius:6px;font-size:13px}
.cards{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}.card{border:1px solid #8884;border-radius:6px;padding:.5rem;font-size:13px;width:11rem}
.card img{width:100%;height:9rem;object-fit:contain;background:#8882;border-radius:4px;image-rendering:pixelated}.card p{margin:.2rem 0;overflow-wrap:anywhere}
.note{opacity:.75;font-size:13px}code{overflow-wrap:anywhere}`;

/** Marks a page as ours, so that it may be written anew. */
export const GENERATOR = '<meta name="generator" content="understudy">';

/** A whole page that loads nothing; `body` is HTML. */
export function htmlPage(title: string, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">${GENERATOR}<meta name="viewport" content="width=device-width"><title>${escapeText(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeText(title)}</h1>
${inline(body.filter((part) => part !== '').join('\n'))}
</body></html>
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
  const line = (cells: readonly Cell[], tag: string) => cells.map((cell) => `<${tag}>${shown(cell)}</${tag}>`).join('');
  const top = head.length === 0 ? '' : `<thead><tr>${line(head, 'th')}</tr></thead>`;
  return `<div class="wide"><table>${top}<tbody>
${rows.map((row, i) => `<tr${attributes?.[i] ?? ''}>${line(row, 'td')}</tr>`).join('\n')}
</tbody></table></div>`;
}

function shown(cell: Cell): string {
  if (typeof cell === 'string') return escapeText(cell);
  return `<a href="./${cell.to.map(encodeURIComponent).join('/')}">${escapeText(cell.words)}</a>`;
}

export const heading = (words: string): string => `<h2>${escapeText(words)}</h2>`;
export const note = (words: string): string => `<p class="note">${escapeText(words)}</p>`;
