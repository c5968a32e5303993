import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { namedMetrics } from '../events.ts';
import { openAppendFile } from './appendFileNode.ts';
import type { ResumeOptions } from './jsonlNode.ts';
import type { Logger } from './logger.ts';
import { encodeEvent, type TensorboardEvent, tfRecord } from './tensorboardFormat.ts';

const prefix = 'events.out.tfevents.';

/**
 * Scalars for TensorBoard in a new events.out.tfevents.* file of `dir`. On resume the old file stays as it is: the new one
 * opens with a session start at `resumeStep + 1`, on which TensorBoard drops the old points from there on.
 * @param now milliseconds since 1970, for the name and the first events.
 * @throws UserError if the disk refuses.
 */
export async function openTensorboard(
  dir: string,
  { resumeStep, now = Date.now() }: ResumeOptions & { readonly now?: number } = {},
): Promise<Logger> {
  const file = openAppendFile(join(dir, await nextName(dir, now)), 'ax');
  const write = (event: TensorboardEvent) => file.append(tfRecord(encodeEvent(event)));
  write({ wallTime: now / 1000, fileVersion: 'brain.Event:2' });
  if (resumeStep !== undefined) write({ wallTime: now / 1000, step: resumeStep + 1, sessionStart: true });
  return {
    on: (event) => {
      if (event.type !== 'step' && event.type !== 'evaluation' && event.type !== 'ledger') return;
      write({ wallTime: event.time / 1000, step: event.step, scalars: namedMetrics(event) });
    },
    flush: file.sync,
    close: async () => {
      await file.sync();
      await file.close();
    },
  };
}

/** TensorBoard reads the files of a folder in the order of their names, so the number must exceed those that are there. */
async function nextName(dir: string, now: number): Promise<string> {
  const names = await readdir(dir).catch(() => []);
  const taken = names
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number.parseInt(name.slice(prefix.length), 10));
  const seconds = Math.max(Math.floor(now / 1000), ...taken.filter(Number.isFinite).map((second) => second + 1));
  return `${prefix}${String(seconds).padStart(10, '0')}.${hostname()}.${process.pid}`;
}
