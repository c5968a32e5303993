import type { MetricEvent } from '../events.ts';
import { isTiming, namedMetrics } from '../metricNames.ts';

/** A line of metrics.jsonl. Positions first, metrics next, `time` (milliseconds since 1970) last; NaN and infinities are null. */
export interface MetricRow {
  readonly step: number;
  readonly epoch: number;
  readonly stage?: number;
  readonly time: number;
  readonly [metric: string]: number | null | undefined;
}

export function metricRow(event: MetricEvent): MetricRow {
  const { step, epoch, stage, time } = event;
  // JSON has no NaN: JSON.stringify would write null, so the row says null from the start.
  const metrics = Object.entries(namedMetrics(event)).map(([name, value]) => [
    name,
    Number.isFinite(value) ? value : null,
  ]);
  return { step, epoch, ...(stage === undefined ? {} : { stage }), ...Object.fromEntries(metrics), time };
}

/** The part of a row that two equal runs share bit for bit. */
export function withoutTimings(row: MetricRow): Record<string, number | null | undefined> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => name !== 'time' && !isTiming(name)));
}

/**
 * The rows of a metrics.jsonl. The last line may be half-written (the run was killed, or still writes) and is left out.
 * @throws SyntaxError if another line is not JSON.
 */
export function parseMetricRows(text: string): MetricRow[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as MetricRow);
}
