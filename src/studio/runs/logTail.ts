import { lastBytes } from './lastBytes.ts';

export interface LogTail {
  /** How the last part of the run ended; absent while it goes on, and after a kill. */
  readonly ended?: 'done' | 'interrupted' | 'failed';
  readonly totalSteps?: number;
  readonly totalEpochs?: number;
  /** The last words of a run that failed, and of what it warned. */
  readonly lines: readonly string[];
}

const BYTES = 16_384;
const LINES = 60;

/** What the end of a train.log says; `src/train/loggers/plainLines.ts` writes it. */
export async function readLogTail(path: string | undefined): Promise<LogTail> {
  const text = path === undefined ? '' : await lastBytes(path, BYTES).catch(() => '');
  const lines = text
    .split('\n')
    .slice(text.length >= BYTES ? 1 : 0)
    .filter((line) => line !== '');
  const said = lines.map((line) => line.replace(/^\S+Z /, ''));
  // A resume appends: what ended before it does not count.
  const start = said.findLastIndex((line) => /^\d+ stages?, \d/.test(line));
  const since = said.slice(Math.max(0, start));
  const ended = since.map((line) => /^(done|interrupted|failed) after /.exec(line)?.[1]).findLast(Boolean);
  const totals = said.map((line) => /^\d+ stages?, ([\d.]+) epochs?, (\d+) steps?/.exec(line)).findLast(Boolean);
  const counted = said.map((line) => /(?:^| {2})\d+\/(\d+) {2}loss /.exec(line)?.[1]).findLast(Boolean);
  const steps = totals?.[2] ?? counted;
  return {
    ...(ended === undefined ? {} : { ended: ended as 'done' }),
    ...(steps === undefined ? {} : { totalSteps: Number(steps) }),
    ...(totals ? { totalEpochs: Number(totals[1]) } : {}),
    lines: lines.slice(-LINES),
  };
}
