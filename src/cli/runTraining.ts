import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Ranks } from '../cluster/ranks.ts';
import type { Device } from '../engine/devices.ts';
import type { BestStep, RunResult, StudentCost } from '../run/training/course/result.ts';
import type { RunSettings } from '../run/training/runSettings.ts';
import { startRun } from '../run/training/startRunNode.ts';
import type { RunEvent } from '../train/events.ts';
import { isDetail } from '../train/metricNames.ts';
import { consoleLogger } from '../train/loggers/consoleNode.ts';
import type { Logger } from '../train/loggers/logger.ts';
import { listingEvents } from './listingEvents.ts';
import { modelEvents } from './modelEvents.ts';
import { STATUS, whileRunning } from './outcome.ts';
import { onRanks } from './ranks.ts';
import { percent, print, printJson, quantity, remark, shellWord, table } from './text.ts';

export interface TrainingRequest {
  readonly kind: 'distill' | 'train';
  readonly input: RunSettings;
  readonly out: string | undefined;
  readonly resume: boolean;
  readonly json: boolean;
  readonly device: Device;
}

/** Runs a training with its progress on stderr and its result on stdout; gives the exit status. Of several ranks the first speaks. */
export const runTraining = (request: TrainingRequest): Promise<number> => onRanks((ranks) => runOne(request, ranks));

async function runOne(
  { kind, input, out, resume, json, device }: TrainingRequest,
  ranks: Ranks | undefined,
): Promise<number> {
  const speaks = ranks?.first ?? true;
  const logger = speaks ? consoleLogger() : SILENT;
  const note = (message: string) => logger.on({ type: 'note', message, time: Date.now() });
  const interrupts = watchInterrupts(note, ranks);
  try {
    const result = await whileRunning((start) => {
      const onEvent = (event: RunEvent) => {
        if (event.type === 'runStart') start();
        // The end is told once: by the summary, or by the error itself.
        if (event.type !== 'runEnd') logger.on(event);
      };
      return startRun(kind, input, {
        resume,
        onEvent,
        ...(speaks ? { onModel: modelEvents(), onListing: listingEvents() } : {}),
        ranks,
        signal: interrupts.signal,
        device,
        ...(out === undefined ? {} : { out }),
      });
    });
    await logger.close();
    if (!speaks) return result.reason === 'done' ? STATUS.done : interrupts.status();
    if (json) printJson(result);
    else if (result.reason === 'done') print(summary(result));
    if (result.reason === 'done') return STATUS.done;
    remark(
      `Interrupted after step ${result.steps}; the checkpoint is in ${result.out}. Go on with:\n  understudy ${kind} --resume --out ${shellWord(result.out)}`,
    );
    return interrupts.status();
  } finally {
    await logger.close();
    interrupts.stop();
  }
}

/** Another rank speaks. */
const SILENT: Logger = { on: () => undefined, flush: async () => undefined, close: async () => undefined };

export interface Interrupts {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** The exit status that belongs to the signal. */
  status(): number;
  stop(): void;
}

/** Windows has no SIGUSR1. */
const SIGNALS = ['SIGINT', 'SIGTERM', ...(process.platform === 'win32' ? [] : ['SIGUSR1'])] as NodeJS.Signals[];
const OF_SIGNAL: Partial<Record<NodeJS.Signals, number>> = { SIGTERM: STATUS.terminated, SIGUSR1: STATUS.warned };

/** The first signal asks the run to save and end; the second ends the process. SIGUSR1 is how Slurm warns of a job's end. */
export function watchInterrupts(note: (message: string) => void, ranks?: Ranks): Interrupts {
  const controller = new AbortController();
  let status: number = STATUS.interrupted;
  const on = (signal: NodeJS.Signals) => {
    const own = OF_SIGNAL[signal] ?? STATUS.interrupted;
    if (controller.signal.aborted) process.exit(own);
    status = own;
    controller.abort();
    // Of several ranks nobody is at a key: a launcher hands the signal on, or ends those that are left.
    note(ranks ? `told to end (${signal})` : 'saving a checkpoint; press again to stop at once');
  };
  for (const signal of SIGNALS) process.on(signal, on);
  return {
    signal: controller.signal,
    status: () => status,
    stop: () => {
      for (const signal of SIGNALS) process.off(signal, on);
    },
  };
}

export function summary({ out, steps, last, best, seconds, student, ...from }: RunResult): string {
  const shown = Object.entries(last)
    .filter(([name]) => !isDetail(name))
    .map(([name, value]) => [name, /top[15]$|agreement$|map$|f1$/.test(name) ? percent(value) : value.toFixed(4)]);
  const rows = [
    ['steps', String(steps)],
    ['seconds', seconds.toFixed(1)],
    ...shown,
    ...(best ? [bestRow(best)] : []),
    ...(student ? [['student', studentCost(student)]] : []),
    ['run', out],
    ['model', `${out}/model`],
    ...(existsSync(join(out, 'report.html')) ? [['report', `${out}/report.html`]] : []),
  ];
  return `${table(rows)}\n\n${best?.heldOutLoss === undefined ? nextSteps(out, from) : nextOfFeatures(out)}`;
}

/** What the student costs stands beside what it reaches: some methods make it larger. */
const studentCost = ({ parameters, macs, latencyMs }: StudentCost): string =>
  `${quantity(parameters)} parameters, ${quantity(macs)} multiply-accumulates${latencyMs === undefined ? '' : ` and ${latencyMs.toPrecision(3)} ms`} an image`;

/** What a run may be followed by, filled in with what it knows. */
function nextSteps(out: string, { data, image }: Pick<RunResult, 'data' | 'image'>): string {
  const run = shellWord(out);
  const onData = typeof data === 'string' ? ` --data ${shellWord(data)}` : '';
  return [
    'Next:',
    `  understudy eval ${run}`,
    ...(image === undefined ? [] : [`  understudy predict ${run} ${shellWord(image)}`]),
    `  understudy export ${run} --out my-model${onData}`,
  ].join('\n');
}

/** A student without a classifier answers nothing yet. */
const nextOfFeatures = (out: string): string =>
  [
    'Next:',
    `  understudy train --data LABELLED --init ${shellWord(out)}`,
    `  understudy export ${shellWord(out)} --out my-model`,
  ].join('\n');

function bestRow({ step, top1, map, teacherAgreement, teacherKl, heldOutLoss }: BestStep): string[] {
  if (heldOutLoss !== undefined) return ['best loss', `${heldOutLoss.toFixed(4)} (step ${step})`];
  if (teacherKl !== undefined) return ['best KL', `${teacherKl.toFixed(4)} (step ${step})`];
  const name = top1 !== undefined ? 'best top1' : map !== undefined ? 'best mAP' : 'best agreement';
  return [name, `${percent((top1 ?? map ?? teacherAgreement)!)} (step ${step})`];
}
