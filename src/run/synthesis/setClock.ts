import type { SynthesisSettings } from '../../config/synthesis.ts';
import { phasesOf } from './makeBatch.ts';

/** What is left to do, by the time that iterations of this process take. */
export class SetClock {
  readonly #iterations: number;
  #seconds = 0;
  #done = 0;
  #before = performance.now();

  constructor(settings: SynthesisSettings) {
    this.#iterations = phasesOf(settings).reduce((sum, { iterations }) => sum + iterations, 0);
  }

  begin(): void {
    this.#before = performance.now();
  }

  tick(batchesLeft: number, doneInBatch: number): number {
    const now = performance.now();
    this.#seconds += (now - this.#before) / 1000;
    this.#before = now;
    this.#done++;
    return (this.#seconds / this.#done) * (batchesLeft * this.#iterations - doneInBatch);
  }
}
