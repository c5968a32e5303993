import { UserError } from '../../graph/errors.ts';
import { placeOf, readText, type RunFiles } from '../../host/files.ts';
import type { Logger } from './logger.ts';
import { metricRow, parseMetricRows } from './metricRow.ts';

export interface ResumeOptions {
  /**
   * Step of the checkpoint that the run goes on from: entries past it are cut, because they are about to be made again.
   * Absent in a new run, which empties the file.
   */
  readonly resumeStep?: number;
}

/**
 * metrics.jsonl: one object a step and one an evaluation (`metricRow`).
 * @throws UserError if the disk refuses, or the file to go on with holds something else.
 */
export async function openJsonl(
  files: RunFiles,
  path: string,
  { resumeStep = -1 }: ResumeOptions = {},
): Promise<Logger> {
  const before = await readText(files, path);
  const kept = keepUpTo(before, resumeStep, placeOf(files, path));
  // Replaced as a whole: a kill at this point must not lose the entries before the checkpoint.
  if (kept !== before) await files.replace(path, kept);
  const file = files.append(path, 'a');
  return {
    on: (event) => {
      if (event.type === 'step' || event.type === 'evaluation' || event.type === 'ledger')
        file.append(`${JSON.stringify(metricRow(event))}\n`);
    },
    flush: file.sync,
    close: async () => {
      await file.sync();
      await file.close();
    },
  };
}

function keepUpTo(text: string, resumeStep: number, path: string): string {
  if (resumeStep < 0) return '';
  try {
    const steps = parseMetricRows(text).map((row) => row.step);
    // Lines are kept as they are, so that a resumed file equals that of an uninterrupted run.
    const lines = text.split('\n').filter((line) => line !== '');
    return lines
      .filter((_, index) => steps[index] !== undefined && steps[index] <= resumeStep)
      .map((line) => `${line}\n`)
      .join('');
  } catch (error) {
    const got = (error as Error).message;
    throw new UserError(`${path}: wanted one JSON object a line, got ${got}. Move the file away and resume again.`);
  }
}
