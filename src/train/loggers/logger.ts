import type { RunEvent } from '../events.ts';

/**
 * A consumer of run events. `on` never waits. After `flush` all events given so far are on the disk: the loop calls it
 * before it saves a checkpoint, so that no checkpoint is ahead of the logs.
 * @throws UserError from `on`, `flush` or `close` if the disk refuses.
 */
export interface Logger {
  on(event: RunEvent): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** One logger that passes everything to each of `loggers`, in order. `close` closes all, then throws the first error. */
export function combineLoggers(loggers: readonly Logger[]): Logger {
  const all = async (act: (logger: Logger) => Promise<void>) => {
    const results = await Promise.allSettled(loggers.map(act));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  };
  return {
    on: (event) => {
      for (const logger of loggers) logger.on(event);
    },
    flush: () => all((logger) => logger.flush()),
    close: () => all((logger) => logger.close()),
  };
}
