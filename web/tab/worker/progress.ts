import type { RunEvent } from 'understudy/browser';
import type { Choice, Curves, Point, Rate } from '../protocol.ts';
import { changeTraining, tell } from './project.ts';
import { readOfRun } from './storage.ts';

/** Milliseconds between two messages: a fast training makes hundreds of steps a second, which no page can draw. */
const EVERY = 250;

type StepEvent = Extract<RunEvent, { readonly type: 'step' }>;

/** Tells the page what a training says of itself, a few times a second. */
export function listen(): { on(event: RunEvent): void; close(): void } {
  let epochs = 0;
  let sent = 0;
  let loss: Point[] = [];
  let last: StepEvent | undefined;
  let choices: Choice[] = [];
  let rate: Rate | undefined;
  const flush = () => {
    if (last) rate = rateOf(last, epochs);
    if (rate && last) tell({ told: 'steps', rate, loss });
    [loss, last, sent] = [[], undefined, performance.now()];
  };
  const on = (event: RunEvent): void => {
    if (event.type === 'runStart') {
      epochs = event.totals.epochs;
      const resumedFrom = event.resumedFrom ?? 0;
      tell({ told: 'began', resumedFrom, totalSteps: event.totals.steps, epochs });
    } else if (event.type === 'note') {
      const kept = /and (\d+) validation images/.exec(event.message)?.[1];
      if (kept) void changeTraining({ kept: Number(kept) });
      const choice = choiceOf(event.message);
      if (choice) choices = [...choices, choice];
      tell({ told: 'chosen', choices });
    } else if (event.type === 'warning') tell({ told: 'warning', message: event.message });
    else if (event.type === 'step') {
      last = event;
      loss.push({ step: event.step, value: event.loss });
      if (performance.now() - sent > EVERY) flush();
    } else if (event.type === 'evaluation') {
      flush();
      const value = event.metrics['val/top1'] ?? event.metrics.top1;
      if (value !== undefined) tell({ told: 'right', point: { step: event.step, value } });
    } else if (event.type === 'checkpoint' && event.kind === 'best')
      void changeTraining({ usable: true, best: event.step });
    else if (event.type === 'runEnd') flush();
  };
  const close = () => {
    flush();
    if (rate) void changeTraining({ rate });
  };
  return { on, close };
}

/** `train.batch = 25 (images of 28 px are small)`. */
function choiceOf(note: string): Choice | undefined {
  const found = /^([\w.]+) = (.+?) \((.+)\)$/.exec(note);
  return found ? { key: found[1]!, value: found[2]!, reason: found[3]! } : undefined;
}

const rateOf = ({ step, totalSteps, epoch, imagesPerSec, etaSeconds }: StepEvent, epochs: number): Rate => ({
  ...{ step, totalSteps, epoch, epochs, imagesPerSec, etaSeconds },
});

/** The curves of a training until now, from its own log. */
export async function curvesOf(run: string): Promise<Curves> {
  const text = await (await readOfRun(run, 'metrics.jsonl'))?.text();
  // The last line may be half written.
  const rows = (text ?? '').split('\n').slice(0, -1).filter(Boolean);
  const parsed = rows.map((row) => JSON.parse(row) as Record<string, number | null>);
  const curve = (name: string): Point[] =>
    parsed.flatMap((row) => (typeof row[name] === 'number' ? [{ step: row.step!, value: row[name] }] : []));
  return { loss: curve('train/loss'), right: curve('val/top1') };
}
