import type { RunEvent } from 'understudy/browser';
import type { Choice, Curves, Point, Rate } from '../protocol.ts';
import { changeTraining, project, tell } from './project.ts';
import { readOfRun } from './storage.ts';

/** Milliseconds between two messages: a fast training makes hundreds of steps a second, which no page can draw. */
const EVERY = 250;

type StepEvent = Extract<RunEvent, { readonly type: 'step' }>;

/** Tells the page what a training says of itself, a few times a second. */
export class Listener {
  #epochs = 0;
  #sent = 0;
  #loss: Point[] = [];
  #last: StepEvent | undefined;
  #rate: Rate | undefined;
  #best: number | undefined;
  #choices: readonly Choice[] = [];

  on(event: RunEvent): void {
    if (event.type === 'step') this.#stepped(event);
    else if (event.type === 'evaluation') this.#evaluated(event.step, event.metrics);
    else if (event.type === 'note') this.#noted(event.message);
    else if (event.type === 'warning') tell({ told: 'warning', message: event.message });
    else if (event.type === 'checkpoint') this.#saved(event.kind, event.step);
    else if (event.type === 'runStart') {
      const { epochs, steps } = event.totals;
      this.#epochs = epochs;
      tell({ told: 'began', resumedFrom: event.resumedFrom ?? 0, totalSteps: steps, epochs });
    }
  }

  close(): void {
    this.#flush();
    if (this.#rate) void changeTraining({ rate: this.#rate });
  }

  #stepped(event: StepEvent): void {
    this.#last = event;
    this.#loss.push({ step: event.step, value: event.loss });
    if (performance.now() - this.#sent > EVERY) this.#flush();
  }

  #evaluated(step: number, metrics: Readonly<Record<string, number>>): void {
    this.#flush();
    const value = metrics['val/top1'] ?? metrics.top1;
    if (value !== undefined) tell({ told: 'right', point: { step, value } });
  }

  /** The best model is written after its checkpoint, and before the last one's. */
  #saved(kind: 'last' | 'best', step: number): void {
    if (kind === 'best') this.#best = step;
    else if (this.#best !== undefined || project().training?.tries) {
      void changeTraining({ tries: 0, ...(this.#best !== undefined && { usable: true, best: this.#best }) });
      this.#best = undefined;
    }
  }

  #noted(message: string): void {
    const kept = /and (\d+) validation images/.exec(message)?.[1];
    if (kept) void changeTraining({ kept: Number(kept) });
    const choice = choiceOf(message);
    if (!choice) return;
    this.#choices = [...this.#choices, choice];
    tell({ told: 'chosen', choices: this.#choices });
  }

  #flush(): void {
    if (this.#last) {
      this.#rate = rateOf(this.#last, this.#epochs);
      tell({ told: 'steps', rate: this.#rate, loss: this.#loss });
    }
    [this.#loss, this.#last, this.#sent] = [[], undefined, performance.now()];
  }
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
