import type { RunFiles } from '../../host/files.ts';
import { largest } from '../../graph/lists.ts';
import { namedMetrics } from '../metricNames.ts';
import type { ResumeOptions } from './jsonl.ts';
import type { Logger } from './logger.ts';
import { encodeEvent, type TensorboardEvent, tfRecord } from './tensorboardFormat.ts';

const prefix = 'events.out.tfevents.';

export interface TensorboardOptions extends ResumeOptions {
  /** Milliseconds since 1970, for the name and the first events. */
  readonly now: number;
  /** Who writes: the end of the file's name. */
  readonly writer: string;
}

/**
 * Scalars for TensorBoard in a new events.out.tfevents.* file. On resume the old file stays as it is: the new one opens with a
 * session start at `resumeStep + 1`, on which TensorBoard drops the old points from there on.
 * @throws UserError if the disk refuses.
 */
export async function openTensorboard(
  files: RunFiles,
  { resumeStep, now, writer }: TensorboardOptions,
): Promise<Logger> {
  const file = files.append(await nextName(files, now, writer), 'ax');
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
async function nextName(files: RunFiles, now: number, writer: string): Promise<string> {
  const taken = (await files.list(''))
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number.parseInt(name.slice(prefix.length), 10));
  const seconds = largest(
    taken.filter(Number.isFinite).map((second) => second + 1),
    Math.floor(now / 1000),
  );
  return `${prefix}${String(seconds).padStart(10, '0')}.${writer}`;
}
