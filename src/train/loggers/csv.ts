import { UserError } from '../../graph/errors.ts';
import { placeOf, readText, type RunFiles } from '../../host/files.ts';
import type { EvaluationEvent } from '../events.ts';
import { namedMetrics } from '../metricNames.ts';
import { formatCsv, parseCsv } from './csvText.ts';
import type { ResumeOptions } from './jsonl.ts';
import type { Logger } from './logger.ts';

type Row = Map<string, string>;

/** Always there and always first; metrics follow in the order in which they were first seen. */
const positionColumns = ['step', 'epoch', 'stage'];

/**
 * summary.csv: one row an evaluation. The evaluation of the averaged weights at the same step joins the row of the plain
 * one. A metric that comes later adds a column at the right, empty in the rows above. Entries past `resumeStep` are cut.
 * @throws UserError if the disk refuses, or the file to go on with is not such a table.
 */
export async function openCsv(files: RunFiles, path: string, { resumeStep = -1 }: ResumeOptions = {}): Promise<Logger> {
  const rows = resumeStep < 0 ? [] : readRows(await readText(files, path), placeOf(files, path));
  const kept = rows.filter((row) => Number(row.get('step')) <= resumeStep);
  const save = () => files.replace(path, tableText(kept));
  await save();
  // Evaluations are rare and the table is small: it is written as a whole, so that no kill can leave half a row.
  let saving = Promise.resolve();
  let failure: unknown;
  const flush = async () => {
    await saving;
    if (failure !== undefined) throw failure;
  };
  return {
    on: (event) => {
      if (event.type !== 'evaluation') return;
      addEvaluation(kept, event);
      saving = saving.then(save).catch((error) => {
        failure ??= error;
      });
    },
    flush,
    close: flush,
  };
}

function addEvaluation(rows: Row[], event: EvaluationEvent): void {
  const position = [event.step, event.epoch, event.stage ?? ''].map(String);
  const metrics = Object.entries(namedMetrics(event));
  const last = rows.at(-1);
  const joins =
    last !== undefined &&
    positionColumns.every((column, index) => last.get(column) === position[index]) &&
    metrics.every(([name]) => !last.has(name));
  const row: Row = joins ? last : new Map(positionColumns.map((column, index) => [column, position[index]!]));
  for (const [name, value] of metrics) row.set(name, String(value));
  if (!joins) rows.push(row);
}

function tableText(rows: readonly Row[]): string {
  const columns = [...new Set([...positionColumns, ...rows.flatMap((row) => [...row.keys()])])];
  return formatCsv([columns, ...rows.map((row) => columns.map((column) => row.get(column) ?? ''))]);
}

function readRows(text: string, path: string): Row[] {
  const [columns = positionColumns, ...records] = parseCsv(text);
  if (columns[0] !== 'step') {
    const remedy = 'Move the file away and resume again.';
    throw new UserError(`${path}: wanted a table whose first column is step, got ${columns[0]}. ${remedy}`);
  }
  const isMetric = (column: string, cell: string) => cell !== '' || positionColumns.includes(column);
  return records.map((cells) => {
    const pairs = columns.map((column, index) => [column, cells[index] ?? ''] as const);
    return new Map(pairs.filter(([column, cell]) => isMetric(column, cell)));
  });
}
