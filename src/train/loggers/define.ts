import type { RunEvent } from '../events.ts';
import type { Logger } from './logger.ts';

/** What a logger of your own does; left out: nothing. */
export interface LoggerParts {
  /** Told each event at once; must not wait. */
  on(event: RunEvent): void;
  /** Called before each checkpoint: after it nothing that was told may be lost. An error ends the run. */
  flush?(): Promise<void>;
  close?(): Promise<void>;
}

/** A logger of your own, for `loggers: [it]`. */
export function defineLogger({ on, flush = nothing, close = nothing }: LoggerParts): Logger {
  return { on, flush, close };
}

const nothing = async (): Promise<void> => undefined;
