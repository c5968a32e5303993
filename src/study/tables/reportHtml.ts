import { formatDuration } from '../../train/loggers/progressLine.ts';
import { heading, htmlPage, htmlTable } from '../../analysis/page.ts';
import { escapeText } from '../../analysis/svg.ts';
import { curveSvg } from './curveSvg.ts';
import { IMAGE_SET_HEAD, imageSetCells } from './imageSetTable.ts';
import { points, tableCells, tableNotes } from './reportCells.ts';
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
  '',
];

/** The report as one page that loads nothing. */
export function reportHtml(report: StudyReport): string {
  const { name, runs, teachers, images = [] } = report;
  const { head, rows } = tableCells(report);
  const done = runs.filter(({ state }) => state === 'done').length;
  const noise = report.table.map(({ difference }) => (difference?.insideNoise === true ? ' class="noise"' : ''));
  const curve = curveSvg(report);
  return htmlPage(name, [
    `<p>${done} of ${runs.length} runs are finished.</p>`,
    htmlTable(head, rows, noise),
    ...tableNotes(report).map((words) => `<p>${escapeText(words)}</p>`),
    ...(curve === ''
      ? []
      : [heading('Learning curve'), curve, '<p>Bars are one standard deviation over the seeds.</p>']),
    ...(images.length > 0 ? [heading('Images'), htmlTable(IMAGE_SET_HEAD, images.map(imageSetCells))] : []),
    heading('Runs'),
    htmlTable(RUN_HEAD(report.metric), [
      ...teachers.map((row) => runCells(row, 'teacher ')),
      ...runs.map((row) => runCells(row, '')),
    ]),
  ]);
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
