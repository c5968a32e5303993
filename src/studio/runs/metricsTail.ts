import type { MetricRow } from '../../train/loggers/metricRow.ts';
import { lastBytes } from './lastBytes.ts';

/** More than any line of a step has. */
const BYTES = 65_536;

export interface Tail {
  /** The last line of a step, or the last whole one where there is none. */
  readonly row?: MetricRow;
  /** Median of the times between the last steps: evaluations and pauses do not count. */
  readonly secondsPerStep?: number;
}

/** What the end of a metrics.jsonl says. */
export async function readTail(path: string | undefined): Promise<Tail> {
  const text = path === undefined ? '' : await lastBytes(path, BYTES).catch(() => '');
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const rows = lines.map(parsed).filter((row) => row !== undefined);
  const steps = rows.filter((row) => 'train/images_per_sec' in row);
  const row = steps.at(-1) ?? rows.at(-1);
  const gaps = steps
    .slice(1)
    .map(({ time, step }, i) => (time - steps[i]!.time) / 1000 / Math.max(1, step - steps[i]!.step))
    .sort((a, b) => a - b);
  const usual = gaps[gaps.length >> 1];
  return { ...(row ? { row } : {}), ...(usual === undefined ? {} : { secondsPerStep: usual }) };
}

/** The first line of the piece may be cut, and is then no JSON. */
function parsed(line: string): MetricRow | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as MetricRow);
  } catch {
    return undefined;
  }
}
