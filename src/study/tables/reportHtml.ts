import { formatDuration } from '../../train/loggers/progressLine.ts';
import { type Cell, heading, htmlPage, htmlTable, note } from '../../analysis/page.ts';
import { escapeText } from '../../analysis/svg.ts';
import { costSvg } from './costSvg.ts';
import { curveSvg } from './curveSvg.ts';
import { BASELINE_LINE, dotsSvg } from './dotsSvg.ts';
import { IMAGE_SET_HEAD, imageSetCells } from './imageSetTable.ts';
import { points, studentCells, tableCells, tableNotes } from './reportCells.ts';
import type { RunRow, StudyReport } from './rows.ts';

const RUN_HEAD = (metric: string): string[] => [
  'run',
  'state',
  `${metric} %`,
  'best %',
  'time',
  'CPU time',
  'steps',
  'images seen',
  'training images',
  'parameters',
  'MACs',
  'ms an image',
  '',
];

/**
 * The report as one page that loads nothing.
 * @param hasReport whether the folder of a run, such as `runs/kd_seed-0`, holds a page of its own, which is then linked
 */
export function reportHtml(report: StudyReport, hasReport: (key: string) => boolean = () => false): string {
  const { name, runs, teachers, images = [] } = report;
  const { head, rows } = tableCells(report);
  const done = runs.filter(({ state }) => state === 'done').length;
  const noise = report.table.map(({ difference }) => (difference?.insideNoise === true ? ' class="noise"' : ''));
  const row = (folder: string, prefix: string) => (run: RunRow) =>
    runCells(run, prefix, hasReport(`${folder}/${run.id}`) ? [folder, run.id, 'report.html'] : undefined);
  return htmlPage(name, [
    `<p>${done} of ${runs.length} runs are finished.</p>`,
    htmlTable(head, rows, noise),
    ...tableNotes(report).map((words) => `<p>${escapeText(words)}</p>`),
    ...charts(report),
    ...(images.length > 0 ? [heading('Images'), htmlTable(IMAGE_SET_HEAD, images.map(imageSetCells))] : []),
    heading('Runs'),
    htmlTable(RUN_HEAD(report.metric), [...teachers.map(row('teachers', 'teacher ')), ...runs.map(row('runs', ''))]),
  ]);
}

function charts(report: StudyReport): string[] {
  const [curve, cost, dots] = [curveSvg(report), costSvg(report), dotsSvg(report)];
  if (curve !== '') return [heading('Learning curve'), curve, '<p>Bars are one standard deviation over the seeds.</p>'];
  if (cost !== '')
    return [heading('Over processor time'), cost, '<p>Bars are one standard deviation over the seeds.</p>'];
  if (dots === '') return [];
  const line = dots.includes(BASELINE_LINE) ? ' The upright line is the mean of the baseline.' : '';
  const meaning = 'A pale dot is a run, a full one the mean over the seeds with one standard deviation to each side.';
  return [heading('Chart'), dots, note(meaning + line)];
}

function runCells(row: RunRow, prefix: string, page: readonly string[] | undefined): Cell[] {
  const share = (value: number | null) => (value === null ? '-' : points(value));
  const count = (value: number | null) => (value === null ? '-' : String(value));
  return [
    page ? { words: prefix + row.id, to: page } : prefix + row.id,
    row.state,
    share(row.last),
    share(row.best),
    row.seconds === null ? '-' : formatDuration(row.seconds),
    row.cpuSeconds === null ? '-' : formatDuration(row.cpuSeconds),
    ...[row.steps, row.imagesSeen, row.trainImages].map(count),
    ...studentCells(row),
    row.error ?? '',
  ];
}
