import type { RunEvent } from 'understudy/browser';
import type { Curves, Point, Rate } from '../protocol.ts';
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
  let notes: string[] = [];
  const flush = () => {
    if (last) tell({ told: 'steps', rate: rateOf(last, epochs), loss });
    [loss, last, sent] = [[], undefined, performance.now()];
  };
  const on = (event: RunEvent): void => {
    if (event.type === 'runStart') {
      epochs = event.totals.epochs;
      const resumedFrom = event.resumedFrom ?? 0;
      tell({ told: 'began', resumedFrom, totalSteps: event.totals.steps, epochs });
    } else if (event.type === 'note') {
      notes = [...notes, event.message];
      tell({ told: 'chosen', notes });
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
  return { on, close: flush };
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
