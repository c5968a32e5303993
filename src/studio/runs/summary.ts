import { readFile, stat } from 'node:fs/promises';
import { readYaml } from '../../config/yaml.ts';
import { valueAt } from '../../config/settings.ts';
import { throwIfInUse } from '../../formats/disk/folderLockNode.ts';
import { parseCsv } from '../../train/loggers/csvText.ts';
import type { Evaluated, Place, RunState, RunSummary } from '../answers.ts';
import { type LogTail, readLogTail } from './logTail.ts';
import type { Library } from '../library/library.ts';
import { readTail, type Tail } from './metricsTail.ts';

/** The measure by which a run's best evaluation is chosen, the first that it has; the loss has the least best. */
export const JUDGED_BY = [
  'val/top1',
  'val/map',
  'val/teacher_agreement',
  'val/neighbour_agreement',
  'val/loss',
] as const;

interface Settings {
  readonly value: unknown;
  readonly damaged?: string;
}

/** Milliseconds for which the last step of a run that goes on is taken as it is: whoever looks each second would read it each time. */
const FRESH = 4000;

const FILES = ['config.yaml', 'metrics.jsonl', 'summary.csv', 'train.log', 'run.lock'];

interface Known {
  readonly stamp: string;
  readonly steps: string;
  readonly made: number;
  readonly config: string;
  readonly settings: Settings;
  readonly summary: RunSummary;
}

/** Summaries, each made anew only where one of its files has changed. */
export class RunSummaries {
  readonly #known = new Map<string, Known>();

  async of(place: Place, library: Library): Promise<RunSummary> {
    const paths = await Promise.all(FILES.map((name) => library.file(place, name)));
    const files = await Promise.all(paths.map((path) => (path ? stat(path).catch(() => undefined) : undefined)));
    const running = files[4] !== undefined && (await isLocked(await library.path(place)));
    const stamps = files.map((file) => String(file && [file.ino, file.size, file.mtimeMs]));
    const [config, steps, ...others] = stamps as [string, string, ...string[]];
    const stamp = String([running, config, others]);
    const known = this.#known.get(place.id);
    const fresh = running && known !== undefined && performance.now() - known.made < FRESH;
    if (known?.stamp === stamp && (known.steps === steps || fresh)) return known.summary;
    const times = files.slice(0, 4).flatMap((file) => (file ? [file.mtimeMs] : []));
    const settings = known && known.config === config ? known.settings : await readSettings(paths[0]);
    const summary = await summarise(place, paths, running, settings, [
      files[0]?.birthtimeMs ?? 0,
      times.reduce((a, b) => Math.max(a, b), 0),
    ]);
    this.#known.set(place.id, { stamp, steps, config, made: performance.now(), settings, summary });
    return summary;
  }
}

const isLocked = (folder: string): Promise<boolean> =>
  throwIfInUse(folder).then(
    () => false,
    () => true,
  );

async function summarise(
  { id, name, path, study }: Place,
  [, metrics, table, logPath]: readonly (string | undefined)[],
  running: boolean,
  settings: Settings,
  [began, changed]: readonly [number, number],
): Promise<RunSummary> {
  const [evaluations, end, log] = await Promise.all([
    readText(table).then(evaluationsOf),
    readTail(metrics),
    readLogTail(logPath),
  ]);
  const judgedBy = JUDGED_BY.find((metric) => evaluations.some(({ metrics }) => metrics[metric] !== undefined)) ?? null;
  return {
    ...{ id, name, path, study: study ?? null },
    state: running ? 'running' : stateOf(log),
    ...namesOf(settings.value),
    ...progressOf(end, log),
    judgedBy,
    best: judgedBy === null ? null : bestOf(evaluations, judgedBy),
    last: evaluations.at(-1) ?? null,
    began,
    changed,
    ...(settings.damaged === undefined ? {} : { damaged: settings.damaged }),
  };
}

/** A run without an end that nobody works at was killed: it goes on from its last checkpoint. */
const stateOf = ({ ended }: LogTail): RunState => ended ?? 'interrupted';

function progressOf({ row, secondsPerStep }: Tail, log: LogTail) {
  const speed = row?.['train/images_per_sec'];
  return {
    step: row?.step ?? 0,
    totalSteps: log.totalSteps ?? null,
    epoch: row?.epoch ?? 0,
    totalEpochs: log.totalEpochs ?? null,
    secondsPerStep: secondsPerStep ?? null,
    imagesPerSec: typeof speed === 'number' ? speed : null,
  };
}

export async function readSettings(path: string | undefined): Promise<Settings> {
  try {
    return { value: readYaml(await readText(path), path ?? 'config.yaml') };
  } catch (error) {
    return { value: {}, damaged: (error as Error).message };
  }
}

/** '' where there is none. */
export const readText = async (path: string | undefined): Promise<string> =>
  path === undefined ? '' : readFile(path, 'utf8').catch(() => '');

function namesOf(config: unknown) {
  const text = (key: string): string | null => {
    const value = valueAt(config, key);
    return value === undefined || value === null ? null : Array.isArray(value) ? value.join(', ') : String(value);
  };
  const seed = valueAt(config, 'train.seed');
  return {
    method: text('method') ?? 'supervised',
    student: text('student.name') ?? '?',
    teacher: text('teacher.ref'),
    data: text('data.dir') ?? '?',
    seed: typeof seed === 'number' ? seed : null,
  };
}

/** The rows of a summary.csv; cells without a number are left out. */
export function evaluationsOf(csv: string): Evaluated[] {
  const [head = [], ...rows] = parseCsv(csv);
  return rows.map((row) => {
    const cells = head.flatMap((name, i): [string, number][] => {
      const value = Number(row[i]);
      return row[i] === '' || row[i] === undefined || !Number.isFinite(value) ? [] : [[name, value]];
    });
    const { step = 0, epoch: _, stage: __, ...metrics } = Object.fromEntries(cells);
    return { step, metrics };
  });
}

/** Of equals the first, as the run itself keeps it. */
export function bestOf(evaluations: readonly Evaluated[], metric: string): Evaluated | null {
  const turn = metric.endsWith('/loss') ? -1 : 1;
  let best: Evaluated | null = null;
  for (const one of evaluations) {
    const value = one.metrics[metric];
    if (value === undefined) continue;
    if (best === null || turn * value > turn * best.metrics[metric]!) best = one;
  }
  return best;
}
