import type { Host } from '../../../host/host.ts';
import { openCsv } from '../../../train/loggers/csv.ts';
import { openJsonl } from '../../../train/loggers/jsonl.ts';
import { combineLoggers, type Logger } from '../../../train/loggers/logger.ts';
import { openTensorboard } from '../../../train/loggers/tensorboard.ts';
import { openText } from '../../../train/loggers/text.ts';

/** The logs of a run folder. A run that goes on from a step loses what came after it. */
export async function openRunLoggers({ files, clock, writer }: Host, resumeStep: number | undefined): Promise<Logger> {
  const resume = resumeStep === undefined ? {} : { resumeStep };
  return combineLoggers([
    await openJsonl(files, 'metrics.jsonl', resume),
    await openCsv(files, 'summary.csv', resume),
    await openTensorboard(files, { ...resume, now: clock.now(), writer }),
    openText(files, 'train.log'),
  ]);
}
