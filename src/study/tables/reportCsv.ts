import { formatCsv } from '../../train/loggers/csvText.ts';
import type { RunRow, StudyReport } from './rows.ts';

const NUMBERS = [
  'last',
  'best',
  'seconds',
  'cpuSeconds',
  'steps',
  'imagesSeen',
  'trainImages',
  'parameters',
  'macs',
  'latencyMs',
] as const;

/** One row a run, teachers left out. `last` is named after the metric; accuracies are shares, 0 to 1. */
export function reportCsv({ axes, metric, runs }: StudyReport): string {
  const names = axes.map(({ name }) => name);
  const head = ['id', ...names, 'state', metric, ...NUMBERS.slice(1), 'error'];
  const cells = (run: RunRow) => [
    run.id,
    ...names.map((name) => run.labels[name]!),
    run.state,
    ...NUMBERS.map((key) => (run[key] === null ? '' : String(run[key]))),
    run.error ?? '',
  ];
  return formatCsv([head, ...runs.map(cells)]);
}
