import type { RunFiles } from '../../host/files.ts';
import type { Logger } from './logger.ts';
import { plainLines } from './plainLines.ts';

/**
 * train.log: every event as a line for people, `2026-05-01T12:00:00.000Z stage 1: nkd, 500 steps`. Steps appear every
 * `everyMs` milliseconds. A resumed run appends: this file tells what happened, also what was later undone.
 * @throws UserError if the disk refuses.
 */
export function openText(
  files: RunFiles,
  path: string,
  { everyMs = 10_000 }: { readonly everyMs?: number } = {},
): Logger {
  const file = files.append(path, 'a');
  const lineOf = plainLines(everyMs);
  return {
    on: (event) => {
      const line = lineOf(event);
      if (line !== undefined) file.append(`${new Date(event.time).toISOString()} ${line}\n`);
    },
    flush: file.sync,
    close: async () => {
      await file.sync();
      await file.close();
    },
  };
}
