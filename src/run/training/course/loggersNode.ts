import { join } from 'node:path';
import { openCsv } from '../../../train/loggers/csvNode.ts';
import { openJsonl } from '../../../train/loggers/jsonlNode.ts';
import { combineLoggers, type Logger } from '../../../train/loggers/logger.ts';
import { openTensorboard } from '../../../train/loggers/tensorboardNode.ts';
import { openText } from '../../../train/loggers/textNode.ts';

/** The logs of a run folder. A run that goes on from a step loses what came after it. */
export async function openRunLoggers(out: string, resumeStep: number | undefined): Promise<Logger> {
  const resume = resumeStep === undefined ? {} : { resumeStep };
  return combineLoggers([
    await openJsonl(join(out, 'metrics.jsonl'), resume),
    await openCsv(join(out, 'summary.csv'), resume),
    await openTensorboard(out, resume),
    openText(join(out, 'train.log')),
  ]);
}
