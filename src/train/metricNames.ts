import type { StepEvent, EvaluationEvent, LedgerEvent, MetricEvent } from './events.ts';

/** Full metric names and values of a step, an evaluation or a ledger, as every logger writes them; terms in code-point order. */
export function namedMetrics(event: MetricEvent): Record<string, number> {
  if (event.type === 'ledger') return ledgerMetrics(event);
  return event.type === 'step' ? stepMetrics(event) : evaluationMetrics(event);
}

/** True for metrics that measure time: two equal runs may differ in these and in nothing else. */
export function isTiming(name: string): boolean {
  return name === 'train/images_per_sec' || name.startsWith('profiling/');
}

/** True for metrics that are for files and reports, not for a line on the console: of single attention heads a deep student has hundreds. */
export const isDetail = (name: string): boolean => /\/(attention_distance_layer\d+_head\d+|macro_f1|ece)$/.test(name);

/** Keys in code-point order, whatever the locale. */
export function sortedKeys(record: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(record).sort((a, b) => (a < b ? -1 : 1));
}

function stepMetrics(event: StepEvent): Record<string, number> {
  const metrics: Record<string, number> = { 'train/loss': event.loss };
  for (const term of sortedKeys(event.terms)) metrics[`train/loss_${term}`] = event.terms[term]!;
  metrics['train/lr'] = event.lr;
  metrics['train/grad_norm'] = event.gradNorm;
  metrics['train/images_per_sec'] = event.imagesPerSec;
  metrics['profiling/data_wait'] = event.dataWait;
  if (event.teacherTime !== undefined) metrics['profiling/teacher_time'] = event.teacherTime;
  return metrics;
}

function evaluationMetrics(event: EvaluationEvent): Record<string, number> {
  const prefix = event.ema ? 'val_ema/' : 'val/';
  const entries = Object.entries(event.metrics);
  return Object.fromEntries(entries.map(([name, value]) => [name.includes('/') ? name : prefix + name, value]));
}

function ledgerMetrics({ terms, pairs = [], balance }: LedgerEvent): Record<string, number> {
  const rows = sortedKeys(terms).map((name) => [name, terms[name]!] as const);
  const metrics = rows.flatMap(([name, { value, weight, share }]): [string, number][] => [
    [`ledger/${name}_value`, value],
    [`ledger/${name}_weight`, weight],
    [`ledger/${name}_share`, share],
  ]);
  for (const { terms, cosine, ratio } of pairs) {
    metrics.push([`ledger/${terms.join('~')}_cosine`, cosine]);
    if (ratio !== null) metrics.push([`ledger/${terms.join('~')}_ratio`, ratio]);
  }
  for (const name of sortedKeys(balance?.shares ?? {})) metrics.push([`balance/${name}`, balance!.shares[name]!]);
  for (const name of ['measured', 'clamped', 'degenerate'] as const)
    if (balance) metrics.push([`balance/${name}_count`, balance[name]]);
  return Object.fromEntries(metrics);
}
