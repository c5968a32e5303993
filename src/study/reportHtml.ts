import { formatDuration } from '../train/loggers/progressLine.ts';
import { escapeText } from '../analysis/svg.ts';
import { curveSvg } from './curveSvg.ts';
import { points, tableCells, tableNotes } from './reportCells.ts';
import type { RunRow, StudyReport } from './report.ts';

const STYLE = `:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #8884}
td{font-variant-numeric:tabular-nums}tr.noise td{opacity:.65}svg{width:100%;max-width:760px;height:auto}svg text{fill:currentColor;font-size:12px}
.axis{stroke:currentColor}.grid{stroke:currentColor;opacity:.15}.wide{overflow-x:auto}pre{white-space:pre-wrap;margin:0}`;

/** The report as one page that loads nothing. */
export function reportHtml(report: StudyReport): string {
  const { name, runs, teachers } = report;
  const { head, rows } = tableCells(report);
  const done = runs.filter(({ state }) => state === 'done').length;
  const noise = report.table.map(({ difference }) => (difference?.insideNoise === true ? ' class="noise"' : ''));
  const curve = curveSvg(report);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeText(name)}</title><style>${STYLE}</style></head>
<body><h1>${escapeText(name)}</h1>
<p>${done} of ${runs.length} runs are finished.</p>
<div class="wide">${tableHtml(head, rows, noise)}</div>
${tableNotes(report)
  .map((note) => `<p>${escapeText(note)}</p>`)
  .join('\n')}
${curve === '' ? '' : `<h2>Learning curve</h2>\n${curve}\n<p>Bars are one standard deviation over the seeds.</p>`}
<h2>Runs</h2>
<div class="wide">${tableHtml(
    [
      'run',
      'state',
      `${report.metric} %`,
      'best %',
      'time',
      'CPU time',
      'steps',
      'images seen',
      'training images',
      'parameters',
      '',
    ],
    [...teachers.map((row) => runCells(row, 'teacher ')), ...runs.map((row) => runCells(row, ''))],
  )}</div>
</body></html>
`;
}

function runCells(row: RunRow, prefix: string): string[] {
  const share = (value: number | null) => (value === null ? '-' : points(value));
  const count = (value: number | null) => (value === null ? '-' : String(value));
  return [
    prefix + row.id,
    row.state,
    share(row.last),
    share(row.best),
    row.seconds === null ? '-' : formatDuration(row.seconds),
    row.cpuSeconds === null ? '-' : formatDuration(row.cpuSeconds),
    ...[row.steps, row.imagesSeen, row.trainImages, row.parameters].map(count),
    row.error ?? '',
  ];
}

function tableHtml(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  attributes?: readonly string[],
): string {
  const line = (cells: readonly string[], tag: string) =>
    cells.map((cell) => `<${tag}>${escapeText(cell)}</${tag}>`).join('');
  return `<table><thead><tr>${line(head, 'th')}</tr></thead><tbody>
${rows.map((row, i) => `<tr${attributes?.[i] ?? ''}>${line(row, 'td')}</tr>`).join('\n')}
</tbody></table>`;
}
