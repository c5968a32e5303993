import type { Json, LedgerEvent, RunEvent } from '../events.ts';
import { isDetail, namedMetrics, sortedKeys } from '../metricNames.ts';
import { formatDuration, formatNumber, type ProgressContext, plainStepLine } from './progressLine.ts';

/**
 * Turns events into lines of a log: every event but steps, and of the steps the first, the last, and one every
 * `everyMs` milliseconds of the events' own clock. Remembers what has gone by, so each log needs its own.
 */
export function plainLines(everyMs: number): (event: RunEvent) => string | undefined {
  const track = trackContext();
  let lastStepTime = Number.NEGATIVE_INFINITY;
  return (event) => {
    const context = track(event);
    if (event.type !== 'step') return eventText(event);
    if (event.time - lastStepTime < everyMs && event.step !== event.totalSteps) return undefined;
    lastStepTime = event.time;
    return plainStepLine(event, context);
  };
}

/** Follows the events that a progress line needs besides the step. */
export function trackContext(): (event: RunEvent) => ProgressContext {
  let context: ProgressContext = {};
  return (event) => {
    if (event.type === 'runStart') context = { ...context, totals: event.totals };
    if (event.type === 'stageStart') context = { ...context, stageName: event.name };
    return context;
  };
}

/** One line, or several where a message has several. */
export function eventText(event: Exclude<RunEvent, { type: 'step' }>): string {
  switch (event.type) {
    case 'runStart': {
      const { stages, epochs, steps } = event.totals;
      const start = `${count(stages, 'stage')}, ${count(epochs, 'epoch')}, ${count(steps, 'step')}`;
      return event.resumedFrom === undefined ? start : `${start}; goes on from step ${event.resumedFrom}`;
    }
    case 'stageStart':
      return `stage ${event.stage + 1}: ${printable(event.name)}, ${count(event.steps, 'step')}`;
    case 'evaluation': {
      // Details are left to the files.
      const shown = Object.entries(namedMetrics(event)).filter(([name]) => !isDetail(name));
      const metrics = shown.map(([name, value]) => `${name} ${formatNumber(value)}`);
      return `epoch ${event.epoch}, step ${event.step}: ${metrics.join('  ')}`;
    }
    case 'ledger': {
      const shares = sortedKeys(event.terms).map((name) => {
        const { value, weight, share } = event.terms[name]!;
        return `${name} ${formatNumber(value)} x ${formatNumber(weight)} = ${(100 * share).toFixed(share < 0.01 ? 3 : 1)} % of the gradient`;
      });
      return `loss ledger, step ${event.step}: ${[...shares, ...ledgerPairs(event)].join('; ')}`;
    }
    case 'checkpoint':
      return `saved ${event.kind} of step ${event.step}: ${printable(event.path)}`;
    case 'warning':
      return `warning: ${printable(event.message)}`;
    case 'note':
      return printable(event.message);
    case 'runEnd':
      return [`${event.reason} after ${formatDuration(event.seconds)}`, ...summaryTexts(event.summary)].join('  ');
  }
}

/** How two terms lie to each other; of more there are too many pairs for a line, and those in conflict are told. */
function ledgerPairs({ terms, pairs = [] }: LedgerEvent): string[] {
  const all = Object.keys(terms).length === 2;
  return pairs
    .filter(({ cosine }) => all || cosine < 0)
    .map(({ terms: [a, b], cosine, ratio }) => {
      const lengths = ratio === null ? '' : `, lengths ${formatNumber(ratio)} to 1`;
      return `${a} and ${b}: cosine ${cosine.toFixed(2)}${cosine < 0 ? ' (conflict)' : ''}${lengths}`;
    });
}

function summaryTexts(summary: { readonly [key: string]: Json }): string[] {
  return sortedKeys(summary).map((key) => {
    const value = summary[key]!;
    if (typeof value === 'number') return `${key} ${formatNumber(value)}`;
    return `${key} ${typeof value === 'string' ? printable(value) : JSON.stringify(value)}`;
  });
}

function count(amount: number, unit: string): string {
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}

/** Names of users' files end up in messages, and must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, '?');
}
