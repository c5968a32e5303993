import type { RunEvent, StepEvent } from '../train/events.ts';

/** Our choice: a step that takes so many times the median waited for something else (a compile, the ledger of the terms). */
const OUTLIER = 10;

/** Measures the processor time of a run's updates by its step events, as they come. */
export class EpochTime {
  readonly #clock: () => number;
  readonly #steps = new Map<number, number[]>();
  #last: { readonly step: number; readonly stage: number; readonly at: number } | undefined;
  #stages: Map<number, number> = new Map();
  #epochs = 0;

  /** `clock` gives processor seconds. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  on(event: RunEvent): void {
    if (event.type === 'runStart') this.#epochs = event.totals.epochs;
    if (event.type === 'stageStart') this.#stages.set(event.stage, event.steps);
    if (event.type === 'step') this.#step(event);
  }

  #step({ step, stage }: StepEvent): void {
    const at = this.#clock();
    const last = this.#last;
    this.#last = { step, stage, at };
    if (!last || last.stage !== stage || step <= last.step) return;
    const held = this.#steps.get(stage) ?? [];
    held.push((at - last.at) / (step - last.step));
    this.#steps.set(stage, held);
  }

  /** Processor seconds of an epoch; null where a stage has shown too few of its steps. */
  perEpoch(): number | null {
    let sum = 0;
    for (const [stage, steps] of this.#stages) {
      const times = this.#steps.get(stage) ?? [];
      if (times.length < 3) return null;
      const median = [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
      const usual = times.filter((time) => time <= OUTLIER * median);
      sum += (steps * usual.reduce((a, b) => a + b, 0)) / usual.length;
    }
    return this.#epochs === 0 || sum === 0 ? null : sum / this.#epochs;
  }
}
