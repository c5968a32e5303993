import { UserError } from '../../graph/errors.ts';
import { costSvg } from './costSvg.ts';
import { curveSvg } from './curveSvg.ts';
import { firstOfEach } from '../imageSets.ts';
import { IMAGE_SET_HEAD, imageSetCells } from './imageSetTable.ts';
import type { ImageSetRow } from './rows.ts';
import { points, tableCells, tableNotes } from './reportCells.ts';
import type { StudyReport, TableRow } from './rows.ts';

/** A stretch of the page that is made from a study's numbers; what stands between is written by hand. */
const BLOCK = /<!-- study (\S+) -->[\s\S]*?<!-- end -->/g;

/** The page with its blocks made anew; the prose around them stays. */
export function fillPage(page: string, reportOf: (name: string) => StudyReport | undefined): string {
  const opened = page.match(/<!-- study /g)?.length ?? 0;
  const whole = page.match(BLOCK)?.length ?? 0;
  if (opened !== whole)
    throw new UserError(`results page: wanted <!-- end --> after each of ${opened} <!-- study NAME -->, got ${whole}`);
  return page.replace(BLOCK, (_, name: string) => {
    const report = reportOf(name);
    return `<!-- study ${name} -->\n${report ? block(name, report) : 'Not run yet.'}\n<!-- end -->`;
  });
}

function block(name: string, report: StudyReport): string {
  const { runs, teachers, images = [] } = report;
  const done = runs.filter(({ state }) => state === 'done').length;
  const taught = teachers.filter(({ last }) => last !== null).map(({ id, last }) => `${id} ${points(last!)} %`);
  const missing = done === runs.length ? '' : ` The rest is missing here: rows with fewer seeds are not final.`;
  return [
    `${done} of ${runs.length} runs are finished.${missing}${taught.length > 0 ? ` Teachers, ${report.metric}: ${taught.join(', ')}.` : ''}`,
    '',
    markdownTable(report),
    '',
    ...tableNotes(report),
    ...(report.baseline
      ? [
          `Cost is processor time of a run, evaluation included, over that of ${report.baseline.label} on the same data.`,
        ]
      : []),
    ...(images.length > 0
      ? [
          '',
          'The sets of images, each measured by the teacher that it was made from:',
          '',
          imageTable(images),
          '',
          ...sheets(name, images),
        ]
      : []),
    ...figureLine(name, report),
  ].join('\n');
}

/** The table of the study without its wall times, which say more about the machine's other work than about the methods. */
function markdownTable(report: StudyReport): string {
  const { head, rows } = tableCells(report);
  const time = head.indexOf('time');
  const kept = (cells: readonly string[], cost: string) => [...cells.filter((_, i) => i !== time), cost];
  return markdownLines(
    kept(head, 'cost'),
    rows.map((cells, i) => kept(cells, cost(report, report.table[i]!))),
  );
}

/** Where the page finds the contact sheet of a set, seen from the page's folder. */
export const sheetFile = (study: string, set: string): string => `results/${study}-${set}.jpg`;

const sheets = (study: string, images: readonly ImageSetRow[]): string[] =>
  firstOfEach(images)
    .filter(({ quality }) => quality !== null)
    .flatMap(({ name }) => [
      `\`${name}\`, a row a class:`,
      '',
      `![images of the set ${name}](${sheetFile(study, name)})`,
      '',
    ])
    .slice(0, -1);

const imageTable = (images: readonly ImageSetRow[]): string => markdownLines(IMAGE_SET_HEAD, images.map(imageSetCells));

function markdownLines(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function cost({ table, baseline }: StudyReport, row: TableRow): string {
  if (!baseline) return '-';
  const same = (other: TableRow) =>
    Object.entries(row.labels).every(
      ([axis, label]) => other.labels[axis] === (axis === baseline.axis ? baseline.label : label),
    );
  const base = table.find(same);
  return row.cpuSeconds === null || !base?.cpuSeconds ? '-' : `x ${(row.cpuSeconds / base.cpuSeconds).toFixed(1)}`;
}

function figureLine(name: string, report: StudyReport): string[] {
  if (figureFile(report) === '') return [];
  const over = curveSvg(report) === '' ? 'processor time' : 'the share of the data';
  return ['', `![${report.metric} over ${over}](results/${name}.svg)`];
}

/** The learning curve, or the lines over processor time, as a file of its own, on white whatever the page's colours; '' where the study has neither. */
export function figureFile(report: StudyReport): string {
  const svg = curveSvg(report) || costSvg(report);
  if (svg === '') return '';
  const style =
    '<style>text{fill:#222;font:12px system-ui,sans-serif}.axis{stroke:#222}.grid{stroke:#222;opacity:.15}</style><rect width="100%" height="100%" fill="#fff"/>';
  return `${svg.replace('>', `>${style}`)}\n`;
}
