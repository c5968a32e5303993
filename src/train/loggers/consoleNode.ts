import { fitted } from '../../graph/fitted.ts';
import { printable, printableName } from '../../graph/printable.ts';
import type { RunEvent } from '../events.ts';
import type { Logger } from './logger.ts';
import { eventText, plainLines, trackContext } from './plainLines.ts';
import { progressLine } from './progressLine.ts';

/** The part of a terminal stream that is used. */
export interface ConsoleStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ConsoleOptions {
  /** stderr, because stdout belongs to `--json`. */
  readonly stream?: ConsoleStream;
  /** Least time between two redraws of the bar, in milliseconds of the events' clock. */
  readonly redrawEveryMs?: number;
  /** Time between two step lines where there is no terminal. */
  readonly plainEveryMs?: number;
}

/** A bar that is redrawn in one line of a terminal, with all other events above it; plain lines where there is none. */
export function consoleLogger(options: ConsoleOptions = {}): Logger {
  const { stream = process.stderr, redrawEveryMs = 100, plainEveryMs = 10_000 } = options;
  return stream.isTTY ? barLogger(stream, redrawEveryMs) : lineLogger(stream, plainEveryMs);
}

const isLeftOut = (event: RunEvent): boolean => event.type === 'note' && event.detail === true;

function lineLogger(stream: ConsoleStream, everyMs: number): Logger {
  const lineOf = plainLines(everyMs);
  const on = (event: RunEvent) => {
    if (isLeftOut(event)) return;
    const line = lineOf(event);
    if (line !== undefined) stream.write(`${printable(line)}\n`);
  };
  return { on, flush: async () => {}, close: async () => {} };
}

function barLogger(stream: ConsoleStream, everyMs: number): Logger {
  const clearLine = '\r\x1b[K';
  const track = trackContext();
  let drawn = '';
  let lastTime = Number.NEGATIVE_INFINITY;
  const on = (event: RunEvent) => {
    const context = track(event);
    if (isLeftOut(event)) return;
    if (event.type !== 'step') {
      const text = fitted(printable(eventText(event)), stream.columns);
      stream.write(`${drawn === '' ? '' : clearLine}${text}\n${drawn}`);
      return;
    }
    if (event.time - lastTime < everyMs && event.step !== event.totalSteps) return;
    lastTime = event.time;
    // One column is left free: many terminals wrap as soon as the last one is written.
    drawn = printableName(progressLine(event, context, (stream.columns ?? 80) - 1));
    stream.write(clearLine + drawn);
  };
  const close = async () => {
    if (drawn !== '') stream.write('\n');
    drawn = '';
  };
  return { on, flush: async () => {}, close };
}
