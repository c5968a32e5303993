import { largest, smallest } from '../graph/lists.ts';
import { heading, htmlPage, htmlTable, note } from '../analysis/page.ts';
import { differences } from '../config/settings.ts';
import { formatDuration } from '../train/loggers/progressLine.ts';
import { comparedCharts } from './curves.ts';
import { measureOf } from './details.ts';
import { reliabilitySvg } from './pictures.ts';
import { LABELS, percent } from './measures.ts';
import type { RunReport } from './readRunNode.ts';

/** Classes that are compared at most: those on which the runs differ most. */
const MOST_CLASSES = 50;

/** Several runs beside one another, as one page that loads nothing. */
export function comparePage(runs: readonly RunReport[]): string {
  const named = withDifferentNames(runs);
  const names = named.map(({ name }) => name);
  const settings = settingRows(named);
  const classes = classRows(named);
  const calibrated = named.flatMap(({ name, details }) =>
    details?.calibration ? [{ name, reliability: details.calibration.student }] : [],
  );
  return htmlPage(`${runs.length} runs compared`, [
    htmlTable(['', ...names], measureRows(named)),
    note('Accuracies are those of the best evaluation, which the same validation images chose.'),
    ...(sameData(named)
      ? []
      : [note('These runs were not measured on the same images: their numbers do not compare.')]),
    heading('Settings that differ'),
    settings.length > 0 ? htmlTable(['setting', ...names], settings) : note('None.'),
    heading('Curves'),
    `<div class="cards">${comparedCharts(named).join('\n')}</div>`,
    ...(classes.length > 0
      ? [
          heading(
            `${named[0]!.details?.multilabel ? 'Average precision' : 'Accuracy'} by class, where they differ most first`,
          ),
          htmlTable(['class', ...names], classes),
        ]
      : []),
    ...(calibrated.length > 0 ? [heading('Calibration'), reliabilitySvg(calibrated)] : []),
    heading('Hashes'),
    htmlTable(
      ['run', 'file', 'SHA-256'],
      named.flatMap(({ name, hashes }) => hashes.map(({ file, sha256 }) => [name, file, sha256])),
    ),
  ]);
}

/** Folders of one name are told apart by their paths. */
function withDifferentNames(runs: readonly RunReport[]): RunReport[] {
  const names = runs.map(({ name }) => name);
  return runs.map((run) => (names.filter((name) => name === run.name).length > 1 ? { ...run, name: run.folder } : run));
}

function sameData(runs: readonly RunReport[]): boolean {
  const data = runs.flatMap(({ details }) => (details ? [`${details.images} ${details.classes.join('\n')}`] : []));
  return new Set(data).size <= 1;
}

function measureRows(runs: readonly RunReport[]): string[][] {
  const shares = Object.entries(LABELS).map(([metric, label]): [string, (run: RunReport) => string] => [
    label,
    ({ details }) => percent(details && measureOf(details, metric)),
  ]);
  const setup =
    (of: (setup: NonNullable<RunReport['details']>['setup']) => string | number | null) => (run: RunReport) =>
      run.details ? String(of(run.details.setup) ?? 'none') : '-';
  const rows: [string, (run: RunReport) => string][] = [
    ['student', setup(({ student }) => student)],
    ['method', setup(({ method }) => method)],
    ['teacher', setup(({ teacher }) => teacher)],
    ['training images', setup(({ trainImages }) => trainImages)],
    ['seed', setup(({ seed }) => seed)],
    ...shares,
    ['KL(teacher || student), nats', ({ details }) => (details && measureOf(details, 'teacher_kl'))?.toFixed(4) ?? '-'],
    ['best step', ({ details }) => (details ? `${details.step} of ${details.setup.steps}` : '-')],
    ['parameters', setup(({ parameters }) => parameters)],
    ['multiply-accumulates', setup(({ macs }) => macs)],
    ['time, without pauses', ({ seconds }) => (seconds === null ? '-' : formatDuration(seconds))],
    ['latency, one image', ({ speed }) => (speed ? `${speed.latency.median.toPrecision(3)} ms` : '-')],
    ['throughput', ({ speed }) => (speed ? `${speed.throughput.imagesPerSec.toPrecision(3)} images/s` : '-')],
  ];
  const cells = rows.map(([label, of]) => [label, ...runs.map(of)]);
  return cells.filter(([, ...values]) => values.some((value) => value !== '-'));
}

/** Each setting that is not the same in all runs. */
function settingRows(runs: readonly RunReport[]): string[][] {
  const first = runs[0]!.config;
  const keys = new Set(runs.flatMap(({ config }) => differences(first, config).map(({ key }) => key)));
  const at = (config: RunReport['config'], key: string) =>
    key.split('.').reduce<unknown>((inner, part) => (inner as Record<string, unknown> | undefined)?.[part], config);
  return [...keys].sort().map((key) => [key, ...runs.map(({ config }) => JSON.stringify(at(config, key)) ?? '-')]);
}

function classRows(runs: readonly RunReport[]): string[][] {
  if (!sameData(runs) || runs.some(({ details }) => details?.truth !== 'labels')) return [];
  const classes = runs[0]!.details!.classes;
  const recalls = runs.map(({ details }) => {
    const scores = details!.multilabel?.classes.map((row): [number, number | null] => [row.class, row.ap]);
    return new Map(scores ?? details!.scores.map((row): [number, number | null] => [row.class, row.recall]));
  });
  const rows = classes.map((name, i) => {
    const values = recalls.map((recall) => recall.get(i) ?? null);
    const known = values.flatMap((value) => value ?? []);
    return { name, values, spread: known.length === 0 ? -1 : largest(known) - smallest(known) };
  });
  return rows
    .sort((a, b) => b.spread - a.spread)
    .slice(0, MOST_CLASSES)
    .map(({ name, values }) => [name, ...values.map(percent)]);
}
