import { planOfStudy, runStudy, type StudyResult } from '../study/runStudy.ts';
import { type ShardPart, shardText } from '../formats/disk/shardMarkNode.ts';
import type { StudyEvent } from '../study/shareRuns.ts';
import { usualMetric } from '../study/tables/report.ts';
import { tableCells, tableNotes } from '../study/tables/reportCells.ts';
import { consoleLogger } from '../train/loggers/consoleNode.ts';
import { formatDuration } from '../train/loggers/progressLine.ts';
import type { RunEvent } from '../train/events.ts';
import { STATUS, whileRunning } from './outcome.ts';
import { watchInterrupts } from './runTraining.ts';
import { percent, print, printJson, remark, shellWord, table } from './text.ts';

/** Notes and checkpoints of each of many runs would hide what matters; the run's own train.log has them. */
const QUIET = new Set(['note', 'checkpoint', 'runEnd']);

/** Runs a study with its progress on stderr and its table on stdout; gives the exit status. */
export async function studyCommand(
  file: string,
  {
    out,
    json,
    shard,
  }: { readonly out: string | undefined; readonly json: boolean; readonly shard: ShardPart | undefined },
): Promise<number> {
  let logger = consoleLogger();
  const interrupts = watchInterrupts(remark);
  try {
    const result = await whileRunning((start) =>
      runStudy(file, {
        signal: interrupts.signal,
        ...(out === undefined ? {} : { out }),
        ...(shard && { shard }),
        onEvent: (event: RunEvent) => {
          if (!QUIET.has(event.type)) logger.on(event);
        },
        onStudyEvent: (event) => {
          start();
          // A bar belongs to one run.
          void logger.close();
          logger = consoleLogger();
          remark(eventText(event));
        },
      }),
    );
    if (json) printJson(result.report);
    else print(resultText(result));
    if (shard && !json) print(`\nThis is part ${shardText(shard)}. With all parts: understudy merge PART... --out DIR`);
    return ending(result, file, out, interrupts.status(), shard);
  } finally {
    await logger.close();
    interrupts.stop();
  }
}

/** Lists the runs that a study would make; gives the exit status. */
export async function dryRun(file: string, json: boolean): Promise<number> {
  const { plan, checked } = await planOfStudy(file);
  const runs = [...plan.teachers, ...plan.runs];
  if (json) printJson({ checked, runs: runs.map(({ key, labels, config }) => ({ key, labels, config })) });
  else {
    const names = plan.axes.map(({ name }) => name);
    const rows = runs.map(({ key, labels }) => [key, ...names.map((name) => labels[name] ?? '')]);
    const told = checked ? 'all can begin' : 'not checked, since their images are not there yet';
    print(`${table([['run', ...names], ...rows])}\n\n${runs.length} runs, ${told}. Nothing was made.`);
  }
  return STATUS.done;
}

function eventText(event: StudyEvent): string {
  if (event.type === 'note') return event.message;
  if (event.type === 'runStart') {
    const eta =
      event.etaSeconds === undefined ? '' : `; the study needs about ${formatDuration(event.etaSeconds)} more`;
    return `\nrun ${event.index} of ${event.runs}: ${event.key}${eta}`;
  }
  const { state, outcome, error, seconds } = event.record;
  const metric = usualMetric([event.record]);
  const value = outcome?.last[metric];
  if (error !== undefined) return `${event.key} failed: ${error}`;
  return `${event.key}: ${state} after ${formatDuration(seconds)}${value === undefined ? '' : `, ${metric} ${percent(value)}`}`;
}

function resultText({ out, report }: StudyResult): string {
  const { head, rows } = tableCells(report);
  const notes = tableNotes(report).join('\n');
  return `${table([head, ...rows])}\n\n${notes}\n\n${out}/index.html, results.csv, results.json`;
}

function ending(
  { out: folder, reason, report }: StudyResult,
  file: string,
  out: string | undefined,
  interrupted: number,
  shard: ShardPart | undefined,
) {
  const again = `understudy study ${shellWord(file)}${out === undefined ? '' : ` --out ${shellWord(out)}`}${shard ? ` --shard ${shardText(shard)}` : ''}`;
  const failed = [...report.teachers, ...report.runs].filter(({ state }) => state === 'failed');
  for (const { id, error } of failed) remark(`failed: ${id}: ${error?.split('\n')[0]}`);
  if (reason === 'interrupted') {
    remark(`Interrupted; what is done is in ${folder}. Go on with:\n  ${again}`);
    return interrupted;
  }
  if (failed.length === 0) return STATUS.done;
  remark(`${failed.length} runs failed. Once the cause is mended, the same command tries them again:\n  ${again}`);
  return STATUS.failed;
}
