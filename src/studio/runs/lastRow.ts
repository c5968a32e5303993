import { open } from 'node:fs/promises';
import type { MetricRow } from '../../train/loggers/metricRow.ts';

/** More than any line of a step has. */
const BYTES = 65_536;

/** The last line of a metrics.jsonl that is one of a step, or the last whole one; undefined where there is none. */
export async function lastRow(path: string | undefined): Promise<MetricRow | undefined> {
  const text = path === undefined ? '' : await tail(path).catch(() => '');
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  let last: MetricRow | undefined;
  for (const line of lines.reverse()) {
    const row = parsed(line);
    last ??= row;
    if (row && 'train/images_per_sec' in row) return row;
  }
  return last;
}

/** The first line of the piece may be cut, and is then no JSON. */
function parsed(line: string): MetricRow | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as MetricRow);
  } catch {
    return undefined;
  }
}

async function tail(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, BYTES);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8');
  } finally {
    await file.close();
  }
}
