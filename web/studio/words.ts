import { shellWord } from '../../src/graph/shellWord.ts';
import { percent } from '../../src/report/measures.ts';
import { formatDuration } from '../../src/train/loggers/progressLine.ts';
import { shortNumber } from '../../src/analysis/lineChart.ts';
import type { Evaluated, JobState, RunSummary } from '../../src/studio/answers.ts';

/** A job's state by the name that runs have for it. */
export const stateOfJob = (state: JobState) => (state === 'stopped' ? 'interrupted' : state);

const MOMENTS = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** `just now`, `5m12s ago`, and the date of what is older than a day. */
export function ago(time: number, now = Date.now()): string {
  const seconds = (now - time) / 1000;
  if (seconds < 10) return 'just now';
  return seconds < 86_400 ? `${formatDuration(seconds)} ago` : MOMENTS.format(time);
}

/** The measure that a run is judged by, of an evaluation. */
export function measure(evaluated: Evaluated | null, judgedBy: string | null): string {
  const value = judgedBy === null ? undefined : evaluated?.metrics[judgedBy];
  if (value === undefined) return '–';
  return judgedBy!.endsWith('/loss') ? shortNumber(value) : percent(value);
}

export const measured = (evaluated: Evaluated | null, judgedBy: string | null): number | null =>
  (judgedBy === null ? undefined : evaluated?.metrics[judgedBy]) ?? null;

/** Seconds that a running run still needs, by its last steps; null where that is not known. */
export const secondsLeft = ({ state, step, totalSteps, secondsPerStep }: RunSummary): number | null =>
  state !== 'running' || totalSteps === null || secondsPerStep === null
    ? null
    : Math.max(0, (totalSteps - step) * secondsPerStep);

export const duration = (seconds: number | null): string => (seconds === null ? '–' : formatDuration(seconds));

/** The last part of a path, for columns; the whole is its title. */
export const lastPart = (path: string): string => path.split('/').filter(Boolean).at(-1) ?? path;

/** Names without the folders that all of them have. */
export function withoutCommon(names: readonly string[]): string[] {
  const parts = names.map((name) => name.split('/'));
  const [first = []] = parts;
  let common = 0;
  while (common < first.length - 1 && parts.every((part) => part.length > common + 1 && part[common] === first[common]))
    common++;
  return parts.map((part) => part.slice(common).join('/'));
}

/** A path as a shell takes it; '' is the studio's own folder. */
export const shellPath = (path: string): string => shellWord(path || '.');
